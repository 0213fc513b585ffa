//! The hand-written and the generated PHP against PHP 7.4, the oldest PHP that the runtime supports: that PHP compiles
//! every file, a parser with that version as its target takes every file, and it has every global name in use.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;

use serde::Deserialize;

use crate::farm::composer;

/// Names of MediaWiki, and of modules that the runtime uses where they are.
const ELSEWHERE: [&str; 9] =
    ["apcu_", "opcache_", "mysqli", "MYSQLI_", "PDO", "Redis", "MW_", "wfLoadExtension", "wfLoadSkin"];

#[test]
fn the_runtime_is_php_7_4() {
    let files = php_files(&root().join("php"));
    assert!(files.len() >= 4, "the runtime is only {files:?}");
    assert_eq!(problems(&files), Vec::<String>::new());
}

#[test]
fn what_builds_generate_is_php_7_4() {
    let output = tempfile::tempdir().expect("a directory");
    let demo = root().join("fixtures/demo");
    let trees = ["1.39", "1.43"].map(|version| composer::trees().join(version));
    let mut files = Vec::new();
    for (index, tree) in [&demo].into_iter().chain(&trees).enumerate() {
        let written = output.path().join(index.to_string());
        fs::create_dir(&written).expect("a directory");
        let mut command = Command::new(env!("CARGO_BIN_EXE_mwfarm"));
        command.env("MWFARM_CACHE_DIR", "/dev/null");
        command.arg("build").arg("-d").arg(tree).arg("--output").arg(written.join("vendor"));
        if *tree != demo {
            let wikis = written.join("wikis.yml");
            let text = "wikis:\n  one: { hosts: [one.example.org], extensions: [Cite, OATHAuth], skins: [Vector] }\n";
            fs::write(&wikis, text).expect("the farm file");
            command.arg("--wikis").arg(wikis);
        }
        let ran = command.env("XDG_CACHE_HOME", output.path()).output().expect("mwfarm runs");
        assert!(ran.status.success(), "{}: {}", tree.display(), String::from_utf8_lossy(&ran.stderr));
        // A build with `--output` brings the packages along; they are not ours.
        let generated = |file: &PathBuf| {
            let original = tree.join(file.strip_prefix(&written).expect("a file of the build"));
            fs::read(original).ok() != fs::read(file).ok()
        };
        files.extend(php_files(&written).into_iter().filter(generated));
    }
    // Every kind of file, and those of every extension.
    for kind in ["/autoload.php", "/autoload_static.php", "_installed.php", "/installed.php", "/bundle_", "/wikis_"] {
        assert!(files.iter().any(|file| file.to_string_lossy().contains(kind)), "no {kind} in {files:#?}");
    }
    assert!(files.len() > 300, "only {} files", files.len());
    assert_eq!(problems(&files), Vec::<String>::new());
}

/// What the checks are worth: everything that PHP 8 added is refused by one of them, and what PHP 7.4 has by none.
#[test]
fn what_php_7_4_lacks_is_recognised() {
    let newer = [
        "echo match (1) { 1 => 2 };",
        "$a?->b;",
        "$a?->b();",
        "fn () => throw new Exception();",
        "function f(int|string $a) {}",
        "function f(A&B $a) {}",
        "function f(mixed $a) {}",
        "function f(): static {}",
        "function f(): never {}",
        "function f(): ?false {}",
        "f(name: 1);",
        "f(...);",
        "$a::class;",
        "function f($a,) {}",
        "fn ($a) => static function () use ($a,) {};",
        "class A { function __construct(private $a) {} }",
        "class A { public readonly int $a; }",
        "readonly class A {}",
        "class A { final const B = 1; }",
        "class A { const int B = 1; }",
        "trait A { const B = 1; }",
        "enum A { case B; }",
        "#[A]\nfunction f() {}",
        "function f($a = new A()) {}",
        "function f() { static $a = new A(); }",
        "try { f(); } catch (Exception) {}",
        "echo 0o17;",
        "str_contains('a', 'b');",
        "namespace A; \\str_starts_with('a', 'b');",
        "array_is_list([]);",
        "class A implements Stringable {}",
        "$a instanceof \\WeakMap;",
        "echo T_NULLSAFE_OBJECT_OPERATOR;",
        "class A { public int $a { get => 1; } }",
    ];
    let older = "namespace A; use B\\C; abstract class D implements \\Countable { public ?int $a = 1_000; \
        const E = __DIR__ . '/e'; private static $f = [...[1], ...[2]]; function g(?self $h, C ...$i): ?iterable { \
        $j = fn (int &$k = \\PHP_INT_MAX, $o = null) => $this->l ??= \\strlen(...$i); \
        yield \\defined('T_ENUM') ? \\T_ENUM : -1; try { yield $j; } catch (\\Error | \\Exception $m) { throw $m; } } }";
    let directory = tempfile::tempdir().expect("a directory");
    let write = |name: String, code: &str| {
        let file = directory.path().join(name);
        fs::write(&file, format!("<?php\n{code}\n")).expect("a file");
        file
    };
    for (index, code) in newer.into_iter().enumerate() {
        let file = write(format!("newer{index}.php"), code);
        assert!(!problems(&[file]).is_empty(), "nobody minds {code}");
    }
    assert_eq!(problems(&[write("older.php".to_owned(), older)]), Vec::<String>::new());
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All PHP files below a directory.
fn php_files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|extension| extension == "php") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Everything that keeps PHP 7.4 from running these files.
fn problems(files: &[PathBuf]) -> Vec<String> {
    let mut found = compiled(files);
    let parsed = parsed(files);
    found.extend(parsed.problems);
    let names = [("function", parsed.functions), ("class", parsed.classes), ("constant", parsed.constants)];
    for (kind, names) in names {
        let missing = missing(kind, &names.keys().map(String::as_str).collect::<Vec<_>>());
        found.extend(missing.iter().map(|name| format!("{}: PHP 7.4 has no {kind} {name}", names[name])));
    }
    found
}

/// What the real PHP 7.4 says to each file.
fn compiled(files: &[PathBuf]) -> Vec<String> {
    let (waiting, found) = (Mutex::new(files.iter()), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let Some(file) = waiting.lock().expect("no thread panics with it").next() else { return };
            let mut php = Command::new(composer::php74());
            let output = php.args(["-d", "display_errors=stderr", "-l"]).arg(file).output().expect("php runs");
            if !output.status.success() || !output.stderr.is_empty() {
                let text = String::from_utf8_lossy(&output.stderr).into_owned();
                found.lock().expect("no thread panics with it").push(text);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(work);
        }
    });
    found.into_inner().expect("no thread panicked")
}

/// What `newer.php` prints.
#[derive(Debug, Deserialize)]
struct Parsed {
    problems: Vec<String>,
    #[serde(deserialize_with = "places")]
    functions: BTreeMap<String, String>,
    #[serde(deserialize_with = "places")]
    classes: BTreeMap<String, String>,
    #[serde(deserialize_with = "places")]
    constants: BTreeMap<String, String>,
}

/// A PHP array of places by name; an empty one is a list in JSON.
fn places<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Places {
        Some(BTreeMap<String, String>),
        None([(); 0]),
    }
    Places::deserialize(deserializer).map(|places| match places {
        Places::Some(places) => places,
        Places::None([]) => BTreeMap::new(),
    })
}

/// What a parser says to the files, PHP 7.4 being its target.
fn parsed(files: &[PathBuf]) -> Parsed {
    let list: Vec<&str> = files.iter().map(|file| file.to_str().expect("a path in UTF-8")).collect();
    let program = root().join("tests/php/newer.php");
    let printed = php(Path::new("php"), &[program.to_str().expect("a path in UTF-8"), "7.4"], &list.join("\n"));
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
}

/// Which of the names PHP 7.4 does not have.
fn missing(kind: &str, names: &[&str]) -> Vec<String> {
    let exists = match kind {
        "function" => "function_exists($name)",
        "class" => "class_exists($name) || interface_exists($name)",
        _ => "defined($name)",
    };
    let code = format!(
        "while (($name = fgets(STDIN)) !== false) {{ $name = rtrim($name); echo {exists} ? '' : \"$name\\n\"; }}"
    );
    let missing = php(&composer::php74(), &["-r", &code], &names.join("\n"));
    let elsewhere = |name: &str| ELSEWHERE.iter().any(|other| name.starts_with(other));
    missing.lines().filter(|name| !elsewhere(name)).map(str::to_owned).collect()
}

/// What PHP prints for a program that reads `input`.
fn php(php: &Path, arguments: &[&str], input: &str) -> String {
    let mut command = Command::new(php);
    command.args(["-d", "display_errors=stderr"]).args(arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("php runs");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("the input is written");
    let output = child.wait_with_output().expect("php ends");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stdout).expect("text")
}
