//! The class scanner against Composer's, over whole MediaWiki trees, the fixtures and random PHP.
//!
//! `bash tests/all.sh` makes the trees and Composer, and names them by `MWFARM_TREES` and `MWFARM_ORACLE`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::farm::composer;
use crate::farm::random::Random;
use mwfarm::build::scan::{ClassName, Kind, ScanPath, find_classes, psr0_classes, psr4_classes, scan};

/// What Composer finds in each file: the names in hex, or nothing when it gives up.
type Classes = BTreeMap<String, Option<Vec<String>>>;

#[test]
fn real_files_hold_the_classes_that_composer_finds() {
    let mut files = php_files(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/scan")));
    assert!(files.len() >= 30, "fixtures/scan is not complete");
    for tree in trees() {
        let of_tree = php_files(&tree);
        assert!(of_tree.len() > 1000, "{} is no MediaWiki tree", tree.display());
        files.extend(of_tree);
    }
    assert_same(&files);
}

#[test]
fn random_php_holds_the_classes_that_composer_finds() {
    let mut random = Random::new(1);
    let directory = tempfile::tempdir().unwrap();
    let real = trees().iter().flat_map(|tree| php_files(tree)).collect::<Vec<_>>();
    let files = (0..COUNT).map(|number| {
        let contents = match number % 4 {
            0 => {
                let original = &real[random.below(real.len())];
                mutant(&mut random, &std::fs::read(original).unwrap())
            }
            1 => soup(&mut random, &FRAGMENTS[..PLAIN]),
            _ => soup(&mut random, FRAGMENTS),
        };
        let file = directory.path().join(format!("{number}.php"));
        std::fs::write(&file, contents).unwrap();
        file
    });
    let files = files.collect::<Vec<_>>();
    let classes = assert_same(&files);
    let with_classes = classes.values().flatten().filter(|names| !names.is_empty()).count();
    assert!(with_classes * 3 > files.len(), "only {with_classes} random files hold classes: that proves little");
}

/// Each rule is a path, its type, its prefix.
#[test]
fn rules_reach_the_files_and_classes_that_composer_finds() {
    let directory = tempfile::tempdir().unwrap();
    let tree = directory.path().canonicalize().unwrap();
    odd_tree(&tree);
    let mut rules = Vec::new();
    for path in [
        "",
        "src",
        "src/A",
        "src/.hidden",
        "src/.hidden/C.php",
        "src/A/B.php",
        "src/B.txt",
        "src/CVS",
        "links",
        "links/to-file.php",
        "p/*",
        "p/*/src",
        "p/{one,two}/s*c",
        "p/[ot]*/src",
        "p/t?o/*",
        "none",
        "p/none/*",
        "p/one/src/*",
        "star*",
        "*",
    ] {
        rules.push((path, "classmap", ""));
        for prefix in ["", "Acme\\", "Acme\\Lib\\", "Other", "A_"] {
            rules.push((path, "psr-4", prefix));
            rules.push((path, "psr-0", prefix));
        }
    }
    let asked = rules.iter().map(|&(path, kind, prefix)| (join(&tree, path), kind, prefix)).collect::<Vec<_>>();
    let answer = ask_composer("paths", &serde_json::to_string(&asked).unwrap());
    let expected = serde_json::from_slice::<Vec<Option<Vec<String>>>>(&answer).unwrap();
    let paths = rules.iter().map(|rule| ScanPath { path: rule.0.to_owned(), confine: String::new() });
    let scan = scan(&tree, &paths.collect::<Vec<_>>()).unwrap();
    let mut pairs = 0;
    for ((rule, scanned), expected) in rules.iter().zip(&scan.paths).zip(expected) {
        let found = (scanned.kind != Kind::Missing).then(|| {
            let mut found = Vec::new();
            for file in &scanned.files {
                let classes = match rule.1 {
                    "psr-4" => psr4_classes(rule.2, rule.0, file),
                    "psr-0" => psr0_classes(rule.0, file),
                    _ => file.classes.iter().collect(),
                };
                found.extend(
                    classes.iter().map(|class| format!("{} {}", class.to_string_lossy(), join(&tree, &file.path))),
                );
            }
            found.sort();
            found.dedup();
            found
        });
        pairs += found.iter().flatten().count();
        assert_eq!(found, expected, "{rule:?}");
    }
    assert!(pairs > 300, "only {pairs} classes were compared");
}

fn join(tree: &Path, path: &str) -> String {
    let tree = tree.to_str().unwrap();
    if path.is_empty() { tree.to_owned() } else { format!("{tree}/{path}") }
}

/// Files with several classes each, most of which fit some PSR rule, hidden ones, links.
fn odd_tree(tree: &Path) {
    for path in [
        "src/A/B.php",
        "src/A/B/C.inc",
        "src/A_B.php",
        "src/A/B.class.php",
        "src/B.txt",
        "src/C.PHP",
        "src/.hidden/C.php",
        "src/.D.php",
        "src/CVS/E.php",
        "src/_svn/E.php",
        "src/_darcs/x/E.php",
        "src/cvs/F.php",
        "src/.git/G.php",
        "src/Acme/Lib/H.php",
        "src/dir.php/I.hh",
        "src/Other/J.php",
        "p/one/src/K.php",
        "p/two/src/L.php",
        "p/three/lib/M.php",
        "p/.four/src/N.php",
        "p/file.php",
        "star*/O.php",
        "src/a\nb/P.php",
        "src/.a\nb/Q.php",
        "src/..R.php",
        "src/\u{e9}/S.php",
        "src/T.",
        "src/U..php",
        "src/.php",
        "src/php",
    ] {
        let file = tree.join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let stem = path.split('/').map(|part| part.split('.').next().unwrap()).collect::<Vec<_>>();
        let mut contents = String::from("<?php\n");
        for from in 0..stem.len() {
            for prefix in ["", "Acme\\", "Acme\\Lib\\", "A_"] {
                let name =
                    stem[from..].iter().map(|part| part.replace(|c: char| !c.is_alphanumeric() && c != '_', "x"));
                let name = format!("{prefix}{}", name.collect::<Vec<_>>().join("\\"));
                let (namespace, short) = name.rsplit_once('\\').unwrap_or(("", &name));
                let _ = writeln!(
                    contents,
                    "namespace {namespace} {{ class {short} {{}} class {} {{}} }}",
                    short.replace('_', "x")
                );
                let _ = writeln!(contents, "namespace {{ class {} {{}} }}", name.replace('\\', "_"));
            }
        }
        std::fs::write(file, contents).unwrap();
    }
    std::fs::create_dir(tree.join("links")).unwrap();
    for (target, link) in [
        ("../src/A/B.php", "links/to-file.php"),
        ("../src/A", "links/A"),
        ("../src/B.txt", "links/to-text.php"),
        ("nowhere", "links/dangling.php"),
        ("self.php", "links/self.php"),
        ("../p", "links/.p"),
        ("../p", "links/_svn"),
        ("../src/A", "links/x.php"),
        ("one", "p/link"),
    ] {
        symlink(target, tree.join(link)).unwrap();
    }
}

/// How many random files there are.
const COUNT: usize = 10_000;

/// How many of the fragments are words and marks that do not change the lexer's state.
const PLAIN: usize = 62;

#[rustfmt::skip]
const FRAGMENTS: &[&str] = &[
    "class ", "class\n", "class", "interface ", "trait ", "enum ", "CLASS ", "Enum\t", "abstract class ", "final class ",
    "readonly class ", "new class ", "new class extends ", "implements ", "extends ", "Foo", "Foo ", " Bar", "Foo:int",
    ":x:y-z ", "Foo: int", "\u{e9}t\u{e9}", "namespace ", "namespace A\\B;", "namespace A \\ B {", "namespace {",
    "namespace\\foo()", "namespace\t\nC;", "use ", "A\\", "\\", " ", "\n", "\r\n", "\r", "\t", ";", "{", "}", "(", ")",
    "[", "]", "$", "$a", "$class ", "->", "?->", "->class ", "::", "::class ", ":", ">", "-", "--", "=", "yield ",
    "yield\n", "from ", "from", "5", "\u{b}",
    "'", "\"", "`", "\\'", "\\\"", "'class X '", "\"class Y \"", "\"{$a}\"", "\"{$a[\"b\"]}\"", "\"$a[b] \"", "\"$a[\"",
    "\"${a}\"", "{$", "${", "$a[", "\"{$a->b('\"')} class Z {}\"", "`class W {}`", "`it's`", "'it\\'s'", "\"a\\\"b\"",
    "//", "// it's\n", "// class C {}\n", "// ?> class D {}\n", "#", "# don't\n", "#[", "#[A('x')]\n", "#\n", "/*", "*/",
    "/**", "/* it's */", "/**/", "/* class E {} */", "?>", "?>\n", "??>", "??", "?", "<?php ", "<?php\n", "<?PHP\t",
    "<?= ", "<?", "<? class F {} ", "<?xml ?>", "<", "<<", "<<<", "<<<EOT\n", "<<<'EOT'\n", "<<<\"EOT\"\r\n", "<<< EOT\n",
    "<<<EOT\n a {$b} c\n  EOT;\n", "<<<'EOT'\nclass G {}\nEOT\n", "\nEOT;\n", "\n EOT;\n", "\nEOT\n", "EOT", "\nEOTA",
    "<<<class\n", "\nclass\n", "__halt_compiler();", "yield /* a */ from ", "yield # it's class H {}\nfrom ", "b'", "b\"",
    "b<<<EOT\n", "(string)", "( int )", "\0", "\u{feff}", "#!x\n", "declare(strict_types=1);",
];

/// Fragments in random order; most texts begin with an opening tag.
fn soup(random: &mut Random, fragments: &[&str]) -> Vec<u8> {
    let mut text = String::from(if random.below(8) == 0 { "" } else { "<?php " });
    for _ in 0..=random.below(40) {
        text += fragments[random.below(fragments.len())];
        if random.below(6) == 0 {
            let _ = write!(text, "\nclass N{} {{}}\n", random.below(100));
        }
    }
    let mut bytes = text.into_bytes();
    if random.below(5) == 0 {
        let at = random.below(bytes.len());
        bytes.insert(at, 0x80 | u8::try_from(random.below(128)).unwrap());
    }
    bytes
}

/// A real file with a few places deleted, repeated, or with a fragment put in.
fn mutant(random: &mut Random, original: &[u8]) -> Vec<u8> {
    let mut bytes = original[..original.len().min(20_000)].to_vec();
    for _ in 0..=random.below(8) {
        let at = random.below(bytes.len() + 1);
        let end = (at + random.below(40)).min(bytes.len());
        match random.below(4) {
            0 => drop(bytes.drain(at..end)),
            1 => {
                let copy = bytes[at..end].to_vec();
                let to = random.below(bytes.len() + 1);
                bytes.splice(to..to, copy);
            }
            _ => {
                let fragment = FRAGMENTS[random.below(FRAGMENTS.len())];
                bytes.splice(at..at, fragment.bytes());
            }
        }
    }
    bytes
}

/// Compares every file, and says where the scanners differ.
fn assert_same(files: &[PathBuf]) -> Classes {
    let expected = composer(files);
    let mut differences = String::new();
    for file in files {
        let name = file.to_str().unwrap();
        let found = find_classes(&std::fs::read(file).unwrap()).ok().map(|names| names.iter().map(hex).collect());
        if found != expected[name] {
            let _ = write!(differences, "\n{name}:\n  Composer {:?}\n  mwfarm   {found:?}", expected[name]);
            let contents = std::fs::read(file).unwrap();
            if contents.len() < 2000 {
                let _ = write!(differences, "\n  {:?}", contents.escape_ascii().to_string());
            }
        }
    }
    assert!(differences.is_empty(), "of {} files, these differ:{differences}", files.len());
    expected
}

fn composer(files: &[PathBuf]) -> Classes {
    let list = files.iter().flat_map(|file| [file.to_str().unwrap(), "\0"]).collect::<String>();
    serde_json::from_slice(&ask_composer("files", &list)).unwrap()
}

fn ask_composer(question: &str, input: &str) -> Vec<u8> {
    let oracle = composer::oracle();
    let mut child = Command::new(oracle.join("bin/php84"))
        .args([concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/classes.php"), question])
        .env("COMPOSER_CLASS_MAP_GENERATOR", oracle.join("root/usr/share/php/Composer/ClassMapGenerator/autoload.php"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot run PHP in {}: {error}", oracle.display()));
    // PHP reads everything before it writes.
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "classes.php failed: {}", output.stdout.escape_ascii());
    output.stdout
}

/// The real MediaWiki trees.
fn trees() -> Vec<PathBuf> {
    ["1.39", "1.43"].map(|version| composer::trees().join(version)).into()
}

fn hex(name: &ClassName) -> String {
    name.as_bytes().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Every file below that Composer would scan by its name, hidden ones too.
fn php_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display())) {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            let path = entry.path();
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_file() && path.extension().is_some_and(|e| ["php", "inc", "hh"].iter().any(|&x| e == x)) {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}
