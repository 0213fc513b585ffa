//! The README shows what the program prints.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

#[test]
fn the_demo_prints_what_the_readme_shows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).expect("the README");
    let (_, shown) = readme.split_once("```text\nWIKI").expect("the demo's output");
    let (shown, _) = shown.split_once("```").expect("its end");
    let shown = format!("WIKI{shown}");

    let output = tempfile::tempdir().expect("a temporary directory");
    let run = Command::new(env!("CARGO_BIN_EXE_mwfarm"))
        .env("MWFARM_CACHE_DIR", "/dev/null")
        .args(["build", "-d"])
        .arg(root.join("fixtures/demo"))
        .arg("--output")
        .arg(output.path().join("vendor"))
        .output()
        .expect("mwfarm runs");
    let printed = String::from_utf8(run.stdout).expect("text");
    let mut printed = printed.lines().map(without_keys);
    for line in shown.lines().filter(|line| !line.starts_with("[…")) {
        let line = without_keys(line);
        assert!(printed.any(|printed| printed == line), "`{line}` is not printed, or not there");
    }
    assert_eq!(printed.next(), None, "the README ends too early");
}

/// A line without keys, which are other ones after each change of the runtime.
fn without_keys(line: &str) -> String {
    let is_key = |word: &str| {
        let digits = word.strip_prefix("composer").unwrap_or(word);
        matches!(digits.len(), 12 | 32) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    line.split(' ').map(|word| if is_key(word) { "KEY" } else { word }).collect::<Vec<_>>().join(" ")
}
