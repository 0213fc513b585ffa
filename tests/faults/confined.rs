//! What a build does to the system, from a log of its calls: it writes into the vendor directory and its cache only,
//! starts no program and opens no socket.

use std::path::{Path, PathBuf};

use super::order::paths;
use super::stopped::{built, copied, linked, twice};
use super::tree::Tree;

/// What may change something, and what may reach outside.
const CALLS: &str = "trace=open,openat,openat2,creat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,\
    rmdir,mkdir,mkdirat,mknod,mknodat,truncate,ftruncate,chmod,fchmod,fchmodat,chown,fchown,lchown,fchownat,utimensat,\
    setxattr,lsetxattr,fsetxattr,execve,execveat,socket,connect,bind,sendto,sendmsg,fork,vfork,ptrace,mount,kill";

#[test]
fn a_build_writes_where_it_should_and_runs_nothing() {
    confined(&["build"], |_| {}, &["tree/vendor"]);
    confined(&["build"], built, &["tree/vendor"]);
    confined(&["build", "--mediawikifarm"], linked, &["tree/vendor"]);
}

#[test]
fn a_build_into_another_directory_writes_there_and_runs_nothing() {
    confined(&["build", "--output", "@/other/vendor"], copied, &["other/vendor"]);
}

#[test]
fn other_verbs_write_where_they_should_and_run_nothing() {
    confined(&["gc", "--grace", "0"], twice, &["tree/vendor"]);
    confined(&["rollback"], twice, &["tree/vendor"]);
    confined(&["eject"], twice, &["tree/vendor"]);
    for words in [&["plan"][..], &["verify"], &["build", "--dry-run"], &["build", "--locked"], &["graph"]] {
        confined(words, built, &[]);
    }
}

/// Runs mwfarm on a tree whose files would leave something behind if they were run.
fn confined(words: &[&str], prepare: fn(&Tree), places: &[&str]) {
    let tree = Tree::new(5);
    let canary = tree.beside("canary");
    prepare(&tree);
    let trap = format!("<?php\ntouch( '{}' );\n", canary.display());
    for file in ["start.php", "vendor/farm/library0/start.php", "vendor/autoload_runtime.php"] {
        tree.write(file, &trap);
    }
    let scripts = format!(r#"{{"post-autoload-dump": "touch {}"}}"#, canary.display());
    tree.write("composer.json", &format!(r#"{{"name": "farm/core", "scripts": {scripts}}}"#));

    let said = tree.traced(words, &["decode-fds=path", CALLS]);
    assert!([0, 6].contains(&said.code) || words == ["verify"], "{said:?}");
    assert!(!canary.exists(), "`{}` has run code of the tree", words.join(" "));
    let places: Vec<PathBuf> = places.iter().chain(&["cache"]).map(|place| tree.beside(place)).collect();
    let wrong = violations(&tree.trace(), &places);
    assert!(wrong.is_empty(), "`{}`:\n{}", words.join(" "), wrong.join("\n"));
}

/// The calls of a log that reach out of these places.
fn violations(log: &str, places: &[PathBuf]) -> Vec<String> {
    let mut programs = 0;
    let inside = |path: &Path| places.iter().any(|place| path.starts_with(place) || place.starts_with(path));
    let wrong = log.lines().filter(|line| {
        let line = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
        // What another thread interrupted was looked at when it began.
        let Some((call, arguments)) = line.split_once('(').filter(|_| !line.starts_with('<')) else { return false };
        match call {
            "execve" => {
                programs += 1;
                programs > 1
            }
            "open" | "openat" | "openat2" => {
                let writes = ["O_CREAT", "O_WRONLY", "O_RDWR", "O_TRUNC"].iter().any(|flag| arguments.contains(flag));
                let inherits = !arguments.contains("O_CLOEXEC");
                inherits || (writes && !paths(call, arguments).iter().all(|path| inside(path)))
            }
            "execveat" | "socket" | "connect" | "bind" | "sendto" | "sendmsg" | "fork" | "vfork" | "ptrace"
            | "mount" | "kill" => true,
            // What a link leads to is not changed.
            "symlink" | "symlinkat" => !paths(call, arguments).last().is_some_and(|path| inside(path)),
            _ => !paths(call, arguments).iter().all(|path| inside(path)),
        }
    });
    wrong.map(str::to_owned).collect()
}

/// The check itself finds what is wrong.
#[test]
fn a_call_that_reaches_out_is_noticed() {
    let places = [PathBuf::from("/t/vendor")];
    let first = "1 execve(\"/bin/mwfarm\", [\"mwfarm\"], 0x1 /* 1 var */) = 0\n";
    for (line, wrong) in [
        ("1 openat(AT_FDCWD</>, \"/t/vendor/a\", O_WRONLY|O_CREAT|O_CLOEXEC, 0666) = 4", false),
        ("1 openat(AT_FDCWD</>, \"/t/a.php\", O_RDONLY|O_CLOEXEC) = 4", false),
        ("1 unlinkat(4</t/vendor>, \"a\", 0) = 0", false),
        ("1 symlink(\"../a\", \"/t/vendor/b\") = 0", false),
        ("1 openat(AT_FDCWD</>, \"/t/a.php\", O_RDONLY) = 4", true),
        ("1 openat(AT_FDCWD</>, \"/t/a\", O_WRONLY|O_CREAT|O_CLOEXEC, 0666) = 4", true),
        ("1 openat(AT_FDCWD</>, \"/t/vendor2/a\", O_WRONLY|O_CREAT|O_CLOEXEC, 0666) = 4", true),
        ("1 rename(\"/t/vendor/a\", \"/t/a\") = 0", true),
        ("1 unlinkat(4</t/extensions>, \"a\", 0) = 0", true),
        ("1 mkdir(\"/tmp/a\", 0777) = 0", true),
        ("1 symlink(\"../a\", \"/t/b\") = 0", true),
        ("2 execve(\"/bin/sh\", [\"sh\"], 0x1 /* 1 var */ <unfinished ...>", true),
        ("1 socket(AF_INET, SOCK_STREAM, 0) = 4", true),
    ] {
        assert_eq!(!violations(&format!("{first}{line}\n"), &places).is_empty(), wrong, "{line}");
    }
}

/// Who may read what is published is for the umask to say, as with Composer; what it is, is not.
#[test]
fn a_umask_changes_modes_and_no_content() {
    let tree = Tree::new(5);
    let mut contents = Vec::new();
    for (umask, directory, file) in [("000", 0o777, 0o666), ("022", 0o755, 0o644), ("077", 0o700, 0o600)] {
        let copy = tree.copy();
        let mwfarm = format!("umask {umask}; exec \"$@\"");
        let program = copy.command(&["build"]);
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &mwfarm, "sh"]).arg(program.get_program()).args(program.get_args());
        command.env("MWFARM_CACHE_DIR", copy.beside("cache"));
        super::tree::Said::of(command.output().expect("sh")).well();
        let vendor = super::snapshot::Snapshot::of(&copy.vendor());
        let mut files = Vec::new();
        for (path, entry) in &vendor.0 {
            let is_new = !tree.vendor().join(path).exists() || path == "autoload.php";
            match entry {
                super::snapshot::Entry::Directory(mode) if is_new => assert_eq!(*mode, directory, "{umask}: {path}"),
                super::snapshot::Entry::File { content, mode, .. } => {
                    assert!(!is_new || *mode == file, "{umask}: {path} has {mode:o}");
                    files.push((path.clone(), content.clone()));
                }
                _ => {}
            }
        }
        contents.push(files);
    }
    assert!(contents.windows(2).all(|pair| pair[0] == pair[1]), "the same content");
}
