//! Real manifests with something wrong in them, many thousand of them, through all that a plan does: each is refused
//! with the file's name, or planned; none makes the program stop, and none takes long.
//!
//! `MWFARM_CASES=n` tries n of each kind, `MWFARM_SEED=n` others.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use mwfarm::report::{ExitCode, Silent};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use serde_json::{Map, Value, json};

use super::cases::faults;
use super::yard::{INSTALLED, Yard, run};

/// How many of each kind are tried.
const CASES: u32 = 2500;

/// How long one may take: a hundred times what the slowest takes, since others work on the machine, too.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many of each kind the program itself is given, with little memory.
const SAMPLE: usize = 25;

/// A change of a document. Numbers choose a place, whatever the document's size.
#[derive(Debug, Clone)]
enum Change {
    /// A value is another.
    Replace(usize, Value),
    /// A value is that of elsewhere.
    Copy(usize, usize),
    /// A value is gone.
    Remove(usize),
    /// A key is another.
    Rename(usize, String),
    /// A key has come.
    Add(usize, String, Value),
    /// A value is in so many lists.
    Nest(usize, usize),
    /// A text is so many times as long.
    Lengthen(usize, usize),
}

/// A change of the text, after all others.
#[derive(Debug, Clone)]
enum Damage {
    None,
    /// It ends early.
    Cut(usize),
    /// A byte is another.
    Flip(usize, u8),
    /// Bytes have come.
    Insert(usize, Vec<u8>),
    /// A part is there twice.
    Twice(usize, usize),
}

/// Keys that mean something to a reader.
const KEYS: [&str; 38] = [
    "name",
    "version",
    "version_normalized",
    "type",
    "require",
    "require-dev",
    "replace",
    "provide",
    "conflict",
    "autoload",
    "autoload-dev",
    "psr-4",
    "psr-0",
    "classmap",
    "files",
    "exclude-from-classmap",
    "include-path",
    "target-dir",
    "extra",
    "merge-plugin",
    "include",
    "branch-alias",
    "config",
    "platform",
    "platform-check",
    "optimize-autoloader",
    "packages",
    "install-path",
    "dist",
    "reference",
    "default-branch",
    "dev",
    "requires",
    "MediaWiki",
    "extensions",
    "skins",
    "hosts",
    "wikis",
];

/// Texts that mean something to a reader, or should not.
const TEXTS: [&str; 54] = [
    "",
    ".",
    "..",
    "../x",
    "/etc/passwd",
    "a/../../b",
    "src/",
    "src\\",
    "*",
    "**",
    "*/*/*",
    "{a,b}",
    "[a-z",
    "\\",
    "/",
    "//",
    "phar://x",
    "php://input",
    "data:,x",
    "C:\\x",
    "-x",
    "--x=y",
    "$x",
    "${x}",
    "'",
    "\"",
    "`x`",
    "?>",
    "<?php",
    "\0",
    "\n",
    "\u{1b}[31m",
    "\u{202e}",
    "\u{feff}",
    "é",
    "1.0",
    "v1.2.3-RC4",
    "dev-main",
    "1.x-dev",
    "dev-main as 1.0.0",
    "^1.0",
    "~2",
    ">=1 <2 || ^3",
    "1.0 - 2.0",
    "@dev",
    "self.version",
    "*@stable",
    "acme/lib",
    "mediawiki/core",
    "php",
    "ext-json",
    "extensions/Good",
    "Good",
    "99999999999999999999.0",
];

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => prop::sample::select(TEXTS.to_vec()).prop_map(str::to_owned),
        2 => prop::sample::select(KEYS.to_vec()).prop_map(str::to_owned),
        1 => "\\PC{0,12}",
        1 => any::<String>(),
    ]
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        6 => texts().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((texts(), inner), 0..4).prop_map(|pairs| Value::Object(Map::from_iter(pairs))),
        ]
    })
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let key = prop_oneof![4 => prop::sample::select(KEYS.to_vec()).prop_map(str::to_owned), 1 => texts()];
    let change = prop_oneof![
        4 => (any::<usize>(), values()).prop_map(|(at, value)| Change::Replace(at, value)),
        2 => (any::<usize>(), any::<usize>()).prop_map(|(at, from)| Change::Copy(at, from)),
        1 => any::<usize>().prop_map(Change::Remove),
        2 => (any::<usize>(), key.clone()).prop_map(|(at, key)| Change::Rename(at, key)),
        3 => (any::<usize>(), key, values()).prop_map(|(at, key, value)| Change::Add(at, key, value)),
        1 => (any::<usize>(), 1..300usize).prop_map(|(at, levels)| Change::Nest(at, levels)),
        1 => (any::<usize>(), 2..5000usize).prop_map(|(at, times)| Change::Lengthen(at, times)),
    ];
    prop::collection::vec(change, 1..5)
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        12 => Just(Damage::None),
        1 => any::<usize>().prop_map(Damage::Cut),
        2 => (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Damage::Flip(at, byte)),
        1 => (any::<usize>(), prop::collection::vec(any::<u8>(), 1..4)).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        1 => (any::<usize>(), 1..60usize).prop_map(|(at, length)| Damage::Twice(at, length)),
    ]
}

impl Change {
    fn make(&self, document: &mut Value) {
        let at = |document: &Value, at: usize| at % count(document);
        match self {
            Self::Replace(place, value) => {
                let place = at(document, *place);
                *find(document, place) = value.clone();
            }
            Self::Copy(place, from) => {
                let (place, from) = (at(document, *place), at(document, *from));
                let copied = find(document, from).clone();
                // Copies of copies would soon be larger than memory.
                if count(&copied) < 2000 {
                    *find(document, place) = copied;
                }
            }
            Self::Remove(place) => {
                let place = at(document, *place);
                match find(document, place) {
                    Value::Object(map) => drop(map.pop_one(*place_of(self))),
                    Value::Array(list) if !list.is_empty() => drop(list.remove(*place_of(self) % list.len())),
                    other => *other = Value::Null,
                }
            }
            Self::Rename(place, key) => {
                let place = at(document, *place);
                if let Value::Object(map) = find(document, place)
                    && let Some(value) = map.pop_one(*place_of(self))
                {
                    map.insert(key.clone(), value);
                }
            }
            Self::Add(place, key, value) => {
                let place = at(document, *place);
                match find(document, place) {
                    Value::Object(map) => drop(map.insert(key.clone(), value.clone())),
                    Value::Array(list) => list.push(value.clone()),
                    other => *other = json!({key: value}),
                }
            }
            Self::Nest(place, levels) => {
                let place = at(document, *place);
                let value = find(document, place);
                *value = (0..*levels).fold(value.take(), |inner, _| Value::Array(vec![inner]));
            }
            Self::Lengthen(place, times) => {
                let place = at(document, *place);
                if let Value::String(text) = find(document, place) {
                    *text = text.repeat((*times).min(200_000 / text.len().max(1)));
                }
            }
        }
    }
}

fn place_of(change: &Change) -> &usize {
    match change {
        Change::Replace(at, _)
        | Change::Copy(at, _)
        | Change::Remove(at)
        | Change::Rename(at, _)
        | Change::Add(at, ..)
        | Change::Nest(at, _)
        | Change::Lengthen(at, _) => at,
    }
}

trait PopOne {
    /// Takes the n-th entry out.
    fn pop_one(&mut self, at: usize) -> Option<Value>;
}

impl PopOne for Map<String, Value> {
    fn pop_one(&mut self, at: usize) -> Option<Value> {
        let key = self.keys().nth(at.checked_rem(self.len())?)?.clone();
        self.remove(&key)
    }
}

/// How many values a document has, itself included.
fn count(document: &Value) -> usize {
    let mut count = 0;
    let mut open = vec![document];
    while let Some(value) = open.pop() {
        count += 1;
        match value {
            Value::Array(list) => open.extend(list),
            Value::Object(map) => open.extend(map.values()),
            _ => {}
        }
    }
    count
}

/// The n-th value of a document.
fn find(document: &mut Value, place: usize) -> &mut Value {
    let mut left = place;
    let mut open = vec![document];
    while let Some(value) = open.pop() {
        if left == 0 {
            return value;
        }
        left -= 1;
        match value {
            Value::Array(list) => open.extend(list),
            Value::Object(map) => open.extend(map.values_mut()),
            _ => {}
        }
    }
    unreachable!("the document has fewer values")
}

impl Damage {
    fn make(&self, text: &mut Vec<u8>) {
        let length = text.len().max(1);
        match self {
            Self::None => {}
            Self::Cut(at) => text.truncate(at % length),
            Self::Flip(at, byte) => {
                if let Some(there) = text.get_mut(at % length) {
                    *there ^= byte;
                }
            }
            Self::Insert(at, bytes) => {
                let at = at % length;
                text.splice(at..at, bytes.iter().copied());
            }
            Self::Twice(at, more) => {
                let at = (at % length).min(text.len());
                let part = text[at..(at + more).min(text.len())].to_vec();
                text.splice(at..at, part);
            }
        }
    }
}

/// A kind of document: where it is read, and real ones of that kind.
struct Kind {
    file: &'static str,
    documents: Vec<Value>,
}

/// What was tried, for PHP to look at.
#[derive(Default)]
struct Tried {
    accepted: Vec<Vec<u8>>,
    sample: Vec<Vec<u8>>,
    slowest: Duration,
}

fn fixtures(names: &[&str]) -> Vec<Value> {
    let read = |name: &&str| {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
        let text = fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        serde_json::from_slice(&text).expect("JSON")
    };
    names.iter().map(read).collect()
}

/// The manifests of all extensions of the demo farm.
fn demo(name: &str) -> Vec<Value> {
    let extensions = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/demo/extensions");
    let mut files: Vec<PathBuf> = fs::read_dir(extensions)
        .expect("the demo's extensions")
        .map(|entry| entry.expect("an entry").path().join(name))
        .filter(|file| file.exists())
        .collect();
    files.sort();
    files.iter().map(|file| serde_json::from_slice(&fs::read(file).expect("a file")).expect("JSON")).collect()
}

/// The bytes that random changes begin with.
fn seed_of(seed: u64) -> [u8; 32] {
    std::array::from_fn(|at| seed.to_le_bytes()[at % 8])
}

/// Tries changed documents of a kind.
fn tried(kind: &Kind) -> Tried {
    let yard = Yard::new();
    // A directory of a `files` rule or class map, as many of the real ones have them.
    yard.write("tree/extensions/Bad/extension.json", "{\"name\": \"Bad\"}");
    for file in ["src/Bad.php", "includes/Bad.php", "Bad.php"] {
        yard.write(format!("tree/extensions/Bad/{file}"), "<?php class Bad {}");
    }
    let tried = Mutex::new(Tried::default());
    let cases = std::env::var("MWFARM_CASES").ok().map_or(CASES, |cases| cases.parse().expect("a number"));
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 2000, ..Config::default() };
    let strategy = (any::<prop::sample::Index>(), changes(), damage());
    let seed = std::env::var("MWFARM_SEED").ok().map_or(0, |seed| seed.parse::<u64>().expect("a number"));
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &seed_of(seed));
    let outcome = TestRunner::new_with_rng(config, random).run(&strategy, |(index, changes, damage)| {
        let mut document = index.get(&kind.documents).clone();
        for change in &changes {
            change.make(&mut document);
        }
        let mut text = serde_json::to_vec(&document).expect("JSON");
        damage.make(&mut text);
        yard.write(kind.file, &text);

        let start = Instant::now();
        let planned = plan(&yard.path("tree"));
        let took = start.elapsed();
        if took > PATIENCE {
            return Err(TestCaseError::fail(format!("took {took:?}")));
        }
        let mut tried = tried.lock().expect("not poisoned");
        tried.slowest = tried.slowest.max(took);
        if tried.sample.len() < SAMPLE {
            tried.sample.push(text.clone());
        }
        match planned {
            Ok(()) => tried.accepted.push(text),
            Err(problems) => {
                let name = kind.file.strip_prefix("tree/").expect("a file of the tree");
                if let Some(problem) = problems.iter().find(|problem| !problem.contains(name)) {
                    return Err(TestCaseError::fail(format!("a message without `{name}`: {problem}")));
                }
            }
        }
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{}: {failure}", kind.file);
    }
    let tried = tried.into_inner().expect("not poisoned");
    // Something of both kinds, or the changes are too tame or too wild to try anything.
    let accepted = tried.accepted.len();
    assert!(accepted > cases as usize / 50, "only {accepted} of {cases} were accepted");
    assert!(accepted < cases as usize * 19 / 20, "{accepted} of {cases} were accepted");
    #[expect(clippy::print_stderr, reason = "a campaign tells what it has done")]
    {
        eprintln!("{}: {cases} tried, {accepted} planned, the slowest took {:?}", kind.file, tried.slowest);
    }
    for text in &tried.sample {
        yard.write(kind.file, text);
        let ran = yard.mwfarm(&["plan"]);
        assert_eq!(faults(&ran), [""; 0], "{}\n{}", ran.err, String::from_utf8_lossy(text));
    }
    tried
}

/// Plans a build as the program does; what is wrong, each problem with all its causes.
fn plan(tree: &Path) -> Result<(), Vec<String>> {
    let arguments = ["mwfarm".into(), "plan".into(), "--no-cache".into(), "-d".into(), OsString::from(tree)];
    let arguments = mwfarm::cli::parse(arguments).map_err(|error| vec![error.to_string()])?;
    match mwfarm::run(arguments, &Silent) {
        Ok(_) => Ok(()),
        // What is required and not there is the fault of who requires it.
        Err(problems) if problems.iter().any(|problem| problem.exit == ExitCode::Unmet) => Err(Vec::new()),
        Err(problems) => Err(problems.iter().map(|p| format!("{}; {}", p.what, p.causes.join("; "))).collect()),
    }
}

/// Whoever else reads the file, Composer and MediaWiki, does so with PHP's `json_decode`: nothing is accepted here that
/// is refused there.
fn php_reads(kind: &Kind, tried: &Tried) {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let mut lines = Vec::new();
    for text in &tried.accepted {
        lines.extend(text.iter().flat_map(|byte| {
            [b"0123456789abcdef"[usize::from(byte >> 4)], b"0123456789abcdef"[usize::from(byte & 15)]]
        }));
        lines.push(b'\n');
    }
    fs::write(directory.path().join("accepted"), lines).expect("written");
    let code = "foreach (file($argv[1], FILE_IGNORE_NEW_LINES) as $line) { json_decode(hex2bin($line), true); \
                if (json_last_error()) { echo json_last_error_msg(), ': ', hex2bin($line), \"\\n\"; } }";
    let mut php = Command::new("php");
    let ran = run(php.args(["-r", code, "--"]).arg(directory.path().join("accepted")));
    assert!(ran.out.is_empty() && ran.code == Some(0), "{}: {}{}", kind.file, ran.out, ran.err);
}

#[test]
fn composer_json() {
    let mut documents = fixtures(&["manifest/merged/composer.json", "manifest/merged/extensions/Plain/composer.json"]);
    for corpus in fixtures(&["corpus/newest.json", "corpus/release.json"]) {
        documents.extend(corpus.as_array().expect("a list").iter().cloned());
    }
    documents.extend(demo("composer.json"));
    let kind = Kind { file: "tree/extensions/Bad/composer.json", documents };
    php_reads(&kind, &tried(&kind));
}

#[test]
fn extension_json() {
    let documents = demo("extension.json");
    let kind = Kind { file: "tree/extensions/Bad/extension.json", documents };
    php_reads(&kind, &tried(&kind));
}

#[test]
fn installed_json() {
    let small: Value = serde_json::from_str(INSTALLED).expect("JSON");
    // Those of the demo have code that is not there: such a tree is refused for that, and not before.
    let mut documents = vec![small; 4];
    documents.extend(fixtures(&["demo/vendor/composer/installed.json"]));
    let kind = Kind { file: "tree/vendor/composer/installed.json", documents };
    php_reads(&kind, &tried(&kind));
}

#[test]
fn wikis_yml() {
    let wikis: BTreeMap<String, Value> = (0..5)
        .map(|at| {
            (
                format!("wiki{at}"),
                json!({"hosts": [format!("w{at}.example.org")], "extensions": ["Good"], "skins": ["Plain"]}),
            )
        })
        .collect();
    let documents = vec![
        json!({"wikis": {"one": {"hosts": ["one.example.org", "www.example.org/one"], "extensions": [], "db": "one_db"}}}),
        json!({ "wikis": wikis }),
    ];
    // What is JSON is YAML.
    tried(&Kind { file: "tree/wikis.yml", documents });
}
