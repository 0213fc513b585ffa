//! What a program sees of an autoloader: the observables O1 to O9 of the theorem, taken in fresh PHP processes.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::farm::random::Random;
use crate::farm::{Farm, composer};

/// One of the two autoloaders that are compared.
#[derive(Debug, Clone)]
pub(crate) struct Side {
    /// The tree's directory.
    pub(crate) tree: PathBuf,
    /// How the program is told which wiki it serves; nothing for Composer's own.
    pub(crate) entry: Entry,
    /// The PHP that runs the program.
    pub(crate) php: PathBuf,
}

impl Side {
    /// The autoloader of a tree, on the system's PHP.
    pub(crate) fn new(tree: PathBuf, entry: Entry) -> Self {
        Self { tree, entry, php: PathBuf::from("php") }
    }
}

/// How a program is told which wiki it serves.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entry {
    /// Environment variables.
    pub(crate) environment: Vec<(String, String)>,
    /// Constants, defined before the autoloader.
    pub(crate) constants: BTreeMap<String, String>,
    /// Entries of `$_SERVER`, as a web server sets them.
    pub(crate) server: BTreeMap<String, String>,
    /// Arguments of the program.
    pub(crate) arguments: Vec<String>,
    /// What `MediaWikiFarm`'s object names in its list `composer`; without, there is no such object.
    pub(crate) farm: Option<Vec<String>>,
}

impl Entry {
    /// One environment variable.
    pub(crate) fn environment(name: &str, value: &str) -> Self {
        Self { environment: vec![(name.to_owned(), value.to_owned())], ..Self::default() }
    }
}

/// What both sides are asked.
#[derive(Debug, Clone)]
pub(crate) struct Questions {
    classes: Vec<String>,
    functions: Vec<String>,
    packages: Vec<String>,
    seed: u64,
}

impl Questions {
    /// Everything that can be asked of a farm: all its classes, the same in another case, and names that nobody
    /// declares; all its packages, and an unknown one. The seed gives the orders of asking.
    pub(crate) fn new(farm: &Farm, seed: u64) -> Self {
        let mut classes: Vec<String> = farm.classes().into_keys().collect();
        let odd: Vec<String> = classes.iter().step_by(3).map(|class| class.to_lowercase()).collect();
        classes.extend(odd);
        for unknown in ["Shared\\Missing", "Nope\\X", "Nope_X", "Lib0\\Missing", "Shared\\", "\\Shared\\Common", "X"] {
            classes.push(unknown.to_owned());
        }
        classes.push("Composer\\InstalledVersions".to_owned());
        classes.push("Composer\\Autoload\\ClassLoader".to_owned());
        classes.sort();
        classes.dedup();
        let mut packages: Vec<String> = farm.package_names().into_iter().collect();
        packages.extend(["no/such".to_owned(), "__root__".to_owned()]);
        Self { classes, functions: farm.functions().into_iter().collect(), packages, seed }
    }
}

/// Everything seen of one side: one complete look, and the classes in `orders` other orders.
pub(crate) fn observe(side: &Side, questions: &Questions, orders: u64) -> Value {
    let mut seen = json!({ "complete": look(side, questions, &questions.classes, true) });
    for order in 0..orders {
        let mut classes = questions.classes.clone();
        Random::new(questions.seed.wrapping_add(order)).shuffle(&mut classes);
        seen[format!("order {order}")] = look(side, questions, &classes, false);
    }
    seen
}

/// One PHP process.
fn look(side: &Side, questions: &Questions, classes: &[String], complete: bool) -> Value {
    let asked = json!({
        "tree": side.tree,
        "autoload": side.tree.join("vendor/autoload.php"),
        "classes": classes,
        "functions": questions.functions,
        "packages": questions.packages,
        "types": ["library", "mediawiki-extension", "mediawiki-skin", "metapackage", "composer-plugin", "symfony-bundle"],
        "semver": composer::oracle().join("root/usr/share/php/Composer/Semver"),
        "complete": complete,
        "constants": side.entry.constants,
        "server": side.entry.server,
        "farm": side.entry.farm,
    });
    let mut child = Command::new(&side.php)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/observe.php"))
        .args(&side.entry.arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .envs(side.entry.environment.iter().cloned())
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("php runs");
    child.stdin.take().expect("a pipe").write_all(asked.to_string().as_bytes()).expect("the questions are written");
    let output = child.wait_with_output().expect("php ends");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let mut seen: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("php printed no JSON ({error}): {}\n{errors}", String::from_utf8_lossy(&output.stdout))
    });
    let errors = errors.replace(&side.tree.to_string_lossy().into_owned(), "(tree)");
    seen["errors"] = json!(errors.lines().map(without_place).collect::<Vec<_>>().join("\n"));
    seen["status"] = json!(output.status.code());
    seen
}

/// Where two observations differ: a path into them, and both values. The order of an object's keys counts only
/// where observe.php tells a list.
pub(crate) fn differences(left: &Value, right: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting = vec![(String::new(), left, right)];
    while let Some((path, left, right)) = waiting.pop() {
        match (left, right) {
            (Value::Object(one), Value::Object(other)) => {
                for key in one.keys().chain(other.keys().filter(|key| !one.contains_key(*key))) {
                    let values = (one.get(key).unwrap_or(&Value::Null), other.get(key).unwrap_or(&Value::Null));
                    waiting.push((format!("{path} › {key}"), values.0, values.1));
                }
            }
            _ if left != right => found.push(format!("{path}: {left} ≠ {right}")),
            _ => {}
        }
    }
    found.sort();
    found
}

/// A message of PHP without the file of vendor/ and the line it came from: generated files have other names.
fn without_place(line: &str) -> &str {
    match line.rsplit_once(" in (tree)/vendor/") {
        Some((message, place)) if line.starts_with("PHP ") && place.contains(" on line ") => message,
        _ => line,
    }
}
