//! The invariants of the code's shape, kept by reading the source.

mod rules;
mod source;

use std::path::{Path, PathBuf};

use rules::RULES;
use source::Source;

/// What may lie at the top of the repository; tools' own droppings (`target`, `.git`) are not looked at.
const TOP: &[&str] = &[
    ".ci",
    ".gitignore",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "benches",
    "clippy.toml",
    "docs",
    "fixtures",
    "php",
    "rustfmt.toml",
    "src",
    "tests",
];

#[test]
fn the_source_keeps_every_rule() {
    let sources = sources();
    let mut broken = Vec::new();
    for rule in RULES {
        for source in &sources {
            let places = (rule.check)(source);
            broken.extend(places.iter().map(|place| format!("{}:{place}: {}", source.path, rule.name)));
        }
    }
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn every_rule_can_fail() {
    for rule in RULES {
        let places = |(path, text): (&str, &str)| (rule.check)(&Source::new(path, text));
        assert!(!places(rule.broken).is_empty(), "nothing breaks this rule: {}", rule.name);
        assert_eq!(places(rule.kept), [""; 0], "what keeps this rule breaks it: {}", rule.name);
    }
}

#[test]
fn the_source_is_found() {
    let sources = sources();
    for path in ["src/lib.rs", "src/build/mod.rs", "src/report/terminal.rs"] {
        assert!(sources.iter().any(|source| source.path == path), "{path}");
    }
    let main = sources.iter().find(|source| source.path == "src/main.rs").expect("src/main.rs");
    assert!(main.raw.lines().count() <= 40, "src/main.rs is more than a thin shell");
}

#[test]
fn the_top_level_holds_what_the_design_names() {
    let names: Vec<String> =
        entries(root()).iter().filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect();
    assert_eq!(unknown(&names), [""; 0]);
    assert_eq!(unknown(&["src".to_owned(), "scripts".to_owned(), ".github".to_owned()]), ["scripts", ".github"]);
}

#[test]
fn the_manifest_is_one_crate_of_the_edition() {
    let text = std::fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml");
    assert_eq!(manifest_faults(&text), [""; 0]);
    let faulty = "[package]\nedition = \"2021\"\n[workspace]\n";
    assert_eq!(manifest_faults(faulty).len(), 5);
}

fn manifest_faults(text: &str) -> Vec<&'static str> {
    let has = |line: &str| text.lines().any(|own| own.trim() == line);
    [
        (has("edition = \"2024\""), "the edition is not 2024"),
        (has("unsafe_code = \"forbid\""), "unsafe code is not forbidden"),
        (text.contains("\nrust-version = "), "no rust-version"),
        (text.contains("\nlicense = \"MIT OR Apache-2.0\""), "another licence"),
        (!text.contains("[workspace"), "a workspace"),
    ]
    .into_iter()
    .filter_map(|(holds, fault)| (!holds).then_some(fault))
    .collect()
}

fn unknown(names: &[String]) -> Vec<&str> {
    let ours = |name: &str| TOP.contains(&name) || [".git", "target"].contains(&name);
    names.iter().map(String::as_str).filter(|name| !ours(name)).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Everything below `src/` and `php/`, except files and directories that hold only tests.
fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    let mut left = vec![root().join("src"), root().join("php")];
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(entries(&path).into_iter().filter(|path| !path.ends_with("tests")));
        } else if path.is_file() && path.file_name().is_some_and(|name| name != "tests.rs") {
            let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let name = path.strip_prefix(root()).expect("below the root").display().to_string();
            found.push(Source::new(&name, &text));
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let read = std::fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    read.map(|entry| entry.expect("an entry").path()).collect()
}
