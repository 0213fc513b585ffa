//! Scans of small trees. What single files declare is tested in `parser`, against Composer in `tests/oracle`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

struct Tree(tempfile::TempDir);

impl Tree {
    /// A tree of files, each of which declares one class: its path with `_` for everything but letters.
    fn of(files: &[&str]) -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        for file in files {
            tree.write(file, format!("<?php class {} {{}}", class_of(file)));
        }
        tree
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, file: &str, contents: impl AsRef<[u8]>) {
        let file = self.path().join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, contents).unwrap();
    }

    fn link(&self, target: &str, link: &str) {
        symlink(target, self.path().join(link)).unwrap();
    }

    fn scan(&self, path: &str) -> Scanned {
        self.try_scan(path, "").unwrap_or_else(|error| panic!("{error}: {}", error.reason)).paths.remove(0)
    }

    fn try_scan(&self, path: &str, confine: &str) -> Result<Scan, Error> {
        scan(self.path(), &[ScanPath { path: path.to_owned(), confine: confine.to_owned() }])
    }

    fn refused(&self, path: &str, confine: &str) -> (String, Reason) {
        let error = self.try_scan(path, confine).unwrap_err();
        (error.file, error.reason)
    }
}

fn class_of(path: &str) -> String {
    path.chars().map(|c| if c.is_ascii_alphabetic() { c } else { '_' }).collect()
}

fn paths(scanned: &Scanned) -> Vec<&str> {
    scanned.files.iter().map(|file| &*file.path).collect()
}

#[test]
fn files_are_found_as_finder_finds_them() {
    let tree = Tree::of(&[
        "src/b.php",
        "src/a/z.inc",
        "src/a.hh",
        "src/c.PHP",
        "src/d.php5",
        "src/e.php.txt",
        "src/.f.php",
        "src/.g/h.php",
        "src/CVS/i.php",
        "src/_svn/j.php",
        "src/k/_darcs/l.php",
        "src/cvs/m.php",
        "src/n.php/o.php",
        "src/php",
        "srcs/p.php",
        "src/..q.php",
        "src/CVS.php",
    ]);
    fs::create_dir(tree.path().join("src/empty")).unwrap();
    let found = tree.scan("src");
    assert_eq!(found.kind, Kind::Directory);
    assert_eq!(
        paths(&found),
        ["src/CVS.php", "src/a.hh", "src/a/z.inc", "src/b.php", "src/cvs/m.php", "src/n.php/o.php"]
    );
    for file in &found.files {
        assert_eq!(file.classes[0].to_string_lossy(), class_of(&file.path));
        assert_eq!(file.real, None);
    }
}

#[test]
fn a_path_may_be_a_file_even_a_hidden_one() {
    let tree = Tree::of(&["src/.hidden/.x.php", "src/x.txt"]);
    let found = tree.scan("src/.hidden/.x.php");
    assert_eq!((found.kind, paths(&found)), (Kind::File, vec!["src/.hidden/.x.php"]));
    let found = tree.scan("src/x.txt");
    assert_eq!((found.kind, paths(&found)), (Kind::File, vec![]));
    assert_eq!(tree.scan("src/none").kind, Kind::Missing);
    assert_eq!(tree.scan("src/x.txt/none").kind, Kind::Missing);
}

#[test]
fn the_tree_itself_may_be_scanned() {
    let tree = Tree::of(&["x.php", "a/y.php"]);
    assert_eq!(paths(&tree.scan("")), ["a/y.php", "x.php"]);
}

#[test]
fn a_star_stands_for_directories() {
    let tree = Tree::of(&["p/a/src/x.php", "p/b/src/y.php", "p/b/lib/z.php", "p/c.php", "q*/w.php"]);
    assert_eq!(paths(&tree.scan("p/*/src")), ["p/a/src/x.php", "p/b/src/y.php"]);
    assert_eq!(paths(&tree.scan("p/*")), ["p/a/src/x.php", "p/b/lib/z.php", "p/b/src/y.php"]);
    assert_eq!(paths(&tree.scan("q*")), ["q*/w.php"]);
    assert_eq!(tree.scan("p/*/none").kind, Kind::Missing);
    assert_eq!(tree.scan("p/?").kind, Kind::Missing, "without a star, Composer asks for no pattern");
}

#[test]
fn links_are_followed_and_real_paths_told() {
    let tree = Tree::of(&["real/x.php", "real/sub/y.php", "src/z.php"]);
    let outside = Tree::of(&["w.php"]);
    tree.link("../real", "src/dir");
    tree.link("z.php", "src/again.php");
    tree.link("../real/x.php", "src/odd.txt");
    tree.link("nowhere.php", "src/dangling.php");
    tree.link("self.php", "src/self.php");
    symlink(outside.path(), tree.path().join("src/out")).unwrap();
    let found = tree.scan("src");
    assert_eq!(paths(&found), ["src/again.php", "src/dir/sub/y.php", "src/dir/x.php", "src/out/w.php", "src/z.php"]);
    let real = found.files.iter().map(|file| file.real.as_deref()).collect::<Vec<_>>();
    let w = outside.path().canonicalize().unwrap().join("w.php");
    assert_eq!(real, [Some("src/z.php"), Some("real/sub/y.php"), Some("real/x.php"), w.to_str(), None]);
    assert!(Arc::ptr_eq(&found.files[0].classes, &found.files[4].classes), "one file is read once");
}

#[test]
fn the_tree_and_a_package_may_be_links() {
    let tree = Tree::of(&["real/ext/src/x.php"]);
    tree.link("real/ext", "ext");
    tree.link("real", "tree");
    let paths_of = |root: &str, path: &str| {
        let path = ScanPath { path: path.to_owned(), confine: "ext".to_owned() };
        scan(&tree.path().join(root), &[path]).unwrap().paths.remove(0)
    };
    let found = paths_of("", "ext/src");
    assert_eq!((&*found.files[0].path, found.files[0].real.as_deref()), ("ext/src/x.php", Some("real/ext/src/x.php")));
    assert_eq!(paths_of("tree", "ext/src").files[0].real, None);
}

#[test]
fn a_link_must_not_leave_the_package() {
    for (target, link) in
        [("../../other", "ext/src/out"), ("../../other/x.php", "ext/src/out.php"), ("/", "ext/src/out")]
    {
        let tree = Tree::of(&["other/x.php", "ext/lib/y.php", "ext/src/z.php"]);
        tree.link("../lib", "ext/src/lib");
        assert_eq!(paths(&tree.try_scan("ext/src", "ext").unwrap().paths[0]), ["ext/src/lib/y.php", "ext/src/z.php"]);
        tree.link(target, link);
        let (file, reason) = tree.refused("ext/src", "ext");
        assert_eq!(file, link);
        assert!(matches!(reason, Reason::Outside { package, .. } if package == "ext"));
    }
}

#[test]
fn the_path_itself_must_not_leave_the_package_by_a_link() {
    let tree = Tree::of(&["other/x.php", "ext/z.php"]);
    tree.link("../other", "ext/src");
    tree.link("../other/x.php", "ext/x.php");
    for path in ["ext/src", "ext/x.php", "ext/s*"] {
        assert!(matches!(tree.refused(path, "ext").1, Reason::Outside { .. }), "{path}");
    }
    assert_eq!(paths(&tree.try_scan("other", "ext").unwrap().paths[0]), ["other/x.php"], "it does not stand there");
}

#[test]
fn links_to_what_is_not_scanned_may_lead_anywhere() {
    let tree = Tree::of(&["ext/src/x.php"]);
    tree.link("/etc/passwd", "ext/src/data.json");
    tree.link("/", "ext/src/.hidden");
    tree.link("/dev/null", "ext/src/null.php");
    assert_eq!(paths(&tree.try_scan("ext/src", "ext").unwrap().paths[0]), ["ext/src/x.php"]);
}

#[test]
fn a_circle_of_links_is_refused() {
    for (target, link, at) in [
        (".", "src/a/l", None),
        ("..", "src/a/l", None),
        ("../..", "src/a/l", Some("src/a/l/src")),
        ("../b", "src/a/l", Some("src/a/l/k")),
    ] {
        let tree = Tree::of(&["src/a/x.php", "src/b/y.php"]);
        tree.link("../a", "src/b/k");
        tree.link(target, link);
        let (file, reason) = tree.refused("src", "");
        assert!(matches!(reason, Reason::Loop { .. }));
        assert_eq!(file, at.unwrap_or(link), "{target}");
    }
}

#[test]
fn only_regular_files_are_opened() {
    let tree = Tree::of(&["src/x.php"]);
    let pipe = tree.path().join("src/pipe.php");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(tree.path().join("src/socket.php")).unwrap();
    let scan = tree.try_scan("src", "").unwrap();
    assert_eq!(paths(&scan.paths[0]), ["src/x.php"]);
    assert_eq!(
        scan.warnings,
        [
            "`src/pipe.php` was not scanned: it is not a regular file",
            "`src/socket.php` was not scanned: it is not a regular file"
        ]
    );
    assert_eq!(tree.scan("src/pipe.php").kind, Kind::Missing);
    let mut contents = Vec::new();
    assert!(Places::of(tree.path(), false).unwrap().read("src/pipe.php", &mut contents).is_err(), "and does not wait");
}

#[test]
fn names_that_are_not_utf8_are_passed_over() {
    use std::os::unix::ffi::OsStrExt;
    let tree = Tree::of(&["src/x.php"]);
    for name in [&b"\xff.php"[..], b"\xff.txt", b".\xff.php"] {
        fs::write(tree.path().join("src").join(std::ffi::OsStr::from_bytes(name)), "").unwrap();
    }
    fs::create_dir(tree.path().join("src").join(std::ffi::OsStr::from_bytes(b"\xfe"))).unwrap();
    let scan = tree.try_scan("src", "").unwrap();
    assert_eq!(paths(&scan.paths[0]), ["src/x.php"]);
    assert_eq!(
        scan.warnings,
        [
            "`src/\u{fffd}.php` was not scanned: its name is not UTF-8",
            "`src/\u{fffd}` was not scanned: its name is not UTF-8"
        ]
    );
}

#[test]
fn odd_names_are_names() {
    let tree = Tree::of(&["src/a\nb/x.php", "src/'$\\\".php", "src/.a\nb/y.php", "src/.a/b\nc.php"]);
    // In Finder's expression for hidden names a line break is no character, so `.a\nb` is not hidden.
    assert_eq!(paths(&tree.scan("src")), ["src/'$\\\".php", "src/.a\nb/y.php", "src/a\nb/x.php"]);
}

#[test]
fn what_cannot_be_read_is_refused() {
    let tree = Tree::of(&["src/a/x.php", "src/y.php"]);
    tree.write("src/z.php", "#!/usr/bin/env php");
    let (file, reason) = tree.refused("src", "");
    assert_eq!((&*file, reason.to_string().contains("#!")), ("src/z.php", true));
    fs::remove_file(tree.path().join("src/z.php")).unwrap();

    let huge = fs::File::create(tree.path().join("src/huge.php")).unwrap();
    huge.set_len(files::LONGEST + 1).unwrap();
    assert!(matches!(tree.refused("src", ""), (file, Reason::TooLong) if file == "src/huge.php"));
    fs::remove_file(tree.path().join("src/huge.php")).unwrap();

    tree.link("/proc/self/mem", "src/memory.php");
    assert!(matches!(tree.refused("src", ""), (file, Reason::Unreadable(_)) if file == "src/memory.php"));
    fs::remove_file(tree.path().join("src/memory.php")).unwrap();

    // Permissions do not stop root.
    for path in ["src/y.php", "src/a"] {
        let path = tree.path().join(path);
        let mode = fs::metadata(&path).unwrap().permissions();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o0)).unwrap();
        if !rustix::process::geteuid().is_root() {
            assert!(matches!(tree.refused("src", "").1, Reason::Unreadable(_)));
        }
        fs::set_permissions(&path, mode).unwrap();
    }
    let error = scan(&tree.path().join("none"), &[]).unwrap_err();
    assert_eq!(error.to_string(), "cannot look for classes in the tree");
}

#[test]
fn results_come_in_the_order_of_the_question() {
    let tree = Tree::of(&["a/x.php", "b/y.php"]);
    let question = ["b", "none", "a", "b", "a/x.php"];
    let question = question.map(|path| ScanPath { path: path.to_owned(), confine: String::new() });
    let answer = scan(tree.path(), &question).unwrap();
    let found = answer.paths.iter().map(paths).collect::<Vec<_>>();
    assert_eq!(found, [vec!["b/y.php"], vec![], vec!["a/x.php"], vec!["b/y.php"], vec!["a/x.php"]]);
    assert!(Arc::ptr_eq(&answer.paths[2].files[0].classes, &answer.paths[4].files[0].classes));
}

#[test]
fn threads_change_nothing() {
    let names = (0..300).map(|number| format!("d{}/{}/f{number}.php", number % 7, number % 3)).collect::<Vec<_>>();
    let tree = Tree::of(&names.iter().map(|name| &**name).collect::<Vec<_>>());
    for bad in ["d1/1/bad.php", "d4/0/bad.php", "d6/2/bad.php"] {
        tree.write(bad, "#!");
    }
    let question = (0..7).rev().map(|d| ScanPath { path: format!("d{d}"), confine: String::new() }).collect::<Vec<_>>();
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| scan(tree.path(), &question))
    };
    for threads in [1, 2, 8] {
        assert_eq!(run(threads).unwrap_err().file, "d1/1/bad.php");
    }
    for bad in ["d1/1/bad.php", "d4/0/bad.php", "d6/2/bad.php"] {
        fs::remove_file(tree.path().join(bad)).unwrap();
    }
    let one = run(1).unwrap();
    assert_eq!(one.paths.iter().map(|scanned| scanned.files.len()).sum::<usize>(), 300);
    for threads in [2, 8] {
        assert_eq!(run(threads).unwrap(), one);
    }
}
