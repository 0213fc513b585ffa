//! Whole builds of small trees, `fixtures/build/<case>/in`, against what they write, `out`.
//!
//! `UPDATE=1 cargo test --test suite build` writes `out` anew. Keys are numbered in the order in which they appear,
//! so that what differs is the text that differs.

mod damaged;
mod eject;
mod gc;
mod generations;
mod rollback;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

#[test]
fn fixtures_give_the_files_beside_them() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/build");
    let mut cases: Vec<PathBuf> =
        fs::read_dir(&fixtures).expect("the fixtures").map(|case| case.expect("a case").path()).collect();
    cases.sort();
    assert!(!cases.is_empty());
    for case in cases {
        let written = built(&case.join("in"));
        let out = case.join("out");
        if env::var_os("UPDATE").is_some() {
            let _ = fs::remove_dir_all(&out);
            for (name, text) in &written {
                let file = out.join(name);
                fs::create_dir_all(file.parent().expect("a directory")).expect("a directory");
                fs::write(file, text).expect("a file");
            }
        }
        let expected = files(&out);
        let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&written), names(&expected), "{}", case.display());
        for (name, text) in &written {
            assert_eq!(
                text,
                &expected[name],
                "{}: {name} differs; where that is meant, raise `set::FORMAT` and run again with UPDATE=1: new content \
                 must have new names",
                case.display()
            );
        }
    }
}

/// What a build of the tree writes into vendor/, and its result as JSON, without the runtime, which is `php/`.
fn built(tree: &Path) -> BTreeMap<String, String> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let output = directory.path().join("vendor");
    let result = Command::new(env!("CARGO_BIN_EXE_mwfarm"))
        .env("MWFARM_CACHE_DIR", "/dev/null")
        .args(["build", "--format", "json", "-d"])
        .arg(tree)
        .arg("--output")
        .arg(&output)
        .output()
        .expect("mwfarm runs");
    let messages = String::from_utf8_lossy(&result.stderr);
    assert!(result.status.success(), "{messages}");
    let mut keys = Keys::default();
    let mut texts = BTreeMap::from([
        ("result.json".to_owned(), String::from_utf8(result.stdout).expect("JSON is text")),
        ("messages.txt".to_owned(), messages.into_owned()),
    ]);
    let source = files(&tree.join("vendor"));
    for (name, text) in files(&output) {
        let copied = source.get(&name) == Some(&text);
        if !copied && !name.starts_with("mwfarm_") && name != "mwfarm.json" {
            texts.insert(format!("vendor/{name}"), text);
        }
    }
    // The result names keys in a fixed order; files are in the order of their keys.
    let result = keys.numbered(&texts["result.json"]);
    let rest: Vec<(String, String)> =
        texts.into_iter().map(|(name, text)| (keys.numbered(&name), keys.numbered(&text))).collect();
    let mut written: BTreeMap<String, String> = rest.into_iter().collect();
    written.insert("result.json".to_owned(), result);
    written
}

/// Text files below a directory, by relative path.
pub(crate) fn files(directory: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut open = vec![directory.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(directory).expect("a path below").to_str().expect("a name").to_owned();
                files.insert(name, fs::read_to_string(&path).expect("a text"));
            }
        }
    }
    files
}

/// Numbers for keys.
#[derive(Default)]
struct Keys(Vec<String>);

impl Keys {
    /// The text with `KEY1`, `KEY2` … in place of 32 hex digits in a row.
    fn numbered(&mut self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(start) = rest.find(|c: char| c.is_ascii_hexdigit()) {
            let run = rest[start..].find(|c: char| !matches!(c, '0'..='9' | 'a'..='f')).unwrap_or(rest.len() - start);
            let end = start + run.max(1);
            out.push_str(&rest[..start]);
            let word = &rest[start..end];
            if word.len() == 32 {
                let number = self.0.iter().position(|known| known == word).unwrap_or_else(|| {
                    self.0.push(word.to_owned());
                    self.0.len() - 1
                });
                out.extend(["KEY", &(number + 1).to_string()]);
            } else {
                out.push_str(word);
            }
            rest = &rest[end..];
        }
        out + rest
    }
}
