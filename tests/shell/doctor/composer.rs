//! Composer run over a built tree: wikis answer through its loader, `verify` and `doctor` say so, the next build is a
//! clean one, and `eject` leaves what Composer wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::farm::generate;
use crate::farm::world::{World, copy_directory};
use crate::farm::{Farm, composer};
use crate::shell::demo::entries;

/// Farms in which Composer leaves packages out that are on disk: found by running the test with others.
const SEEDS: [u64; 3] = [1, 2, 12];

#[test]
fn dump_autoload_over_a_built_tree() {
    for seed in SEEDS {
        reruns(seed, &["dump-autoload"]);
    }
}

/// Without plugins, nothing of what the merge plugin adds is covered.
#[test]
fn dump_autoload_without_plugins_over_a_built_tree() {
    let uncovered: usize = SEEDS.iter().map(|&seed| reruns(seed, &["dump-autoload", "--no-plugins"])).sum();
    assert!(uncovered > 0, "in none of the farms is anything left uncovered");
}

/// Without development packages, Composer leaves out what the root does not need.
#[test]
fn dump_autoload_without_dev_over_a_built_tree() {
    for seed in SEEDS {
        reruns(seed, &["dump-autoload", "--no-dev"]);
    }
}

#[test]
fn install_over_a_built_tree() {
    for seed in SEEDS {
        reruns(seed, &["install"]);
    }
}

#[test]
fn update_over_a_built_tree() {
    for seed in SEEDS {
        reruns(seed, &["update"]);
    }
}

/// Runs Composer over a built tree and over the same tree that was never built, and compares. Returns how many packages
/// and extensions are on disk and not covered.
fn reruns(seed: u64, command: &[&str]) -> usize {
    let farm = generate::farm(seed);
    let world = World::new(farm).unwrap_or_else(|refusal| panic!("seed {seed}: {}", refusal.text));
    let (tree, plain) = (world.tree(), world.directory().join("plain"));
    copy_directory(&tree, &plain);
    let wikis = write_wikis(&world);
    let run = |tree: &Path| composer::run(tree, &world.directory().join("home"), command);
    let what = format!("seed {seed}, {}", command.join(" "));

    mwfarm(&tree, &["build", "--wikis", &wikis], 0);
    let served = loadable(&world.farm, &tree);
    assert_ne!(served, loadable(&world.farm, &plain), "{what}: the base is everything, which proves nothing");
    let before = fs::read(tree.join("vendor/autoload.php")).expect("a dispatcher");
    run(&plain).unwrap_or_else(|refusal| panic!("{what}: {}", refusal.text));
    run(&tree).unwrap_or_else(|refusal| panic!("{what}, built: {}", refusal.text));
    assert_ne!(fs::read(tree.join("vendor/autoload.php")).expect("a loader"), before, "{what}: Composer wrote none");

    let mut of_composer = content(&tree);
    of_composer.retain(|path, _| !is_ours(path));

    // Wikis answer through Composer's loader, as if nothing had ever been built.
    assert_eq!(loadable(&world.farm, &tree), loadable(&world.farm, &plain), "{what}");
    let verified = mwfarm(&tree, &["verify"], 1);
    assert!(
        text(&verified.stdout).contains("autoload.php is no longer mwfarm's"),
        "{what}: {}",
        text(&verified.stdout)
    );
    let expected = uncovered(&plain);
    let found = doctor(&tree, &wikis);
    let ran: Vec<&Value> = found.iter().filter(|finding| finding["code"] == "composer-ran").collect();
    assert_eq!(ran.len(), 1, "{what}: {found:#?}");
    let cases = ran[0]["cases"].as_array().expect("cases").iter();
    let told: BTreeSet<String> = cases.map(|case| quoted(case["what"].as_str().expect("a case"), 1)).collect();
    assert_eq!(told, expected, "{what}");

    // The next build is a clean one.
    mwfarm(&tree, &["build", "--wikis", &wikis], 0);
    mwfarm(&tree, &["verify"], 0);
    assert!(doctor(&tree, &wikis).iter().all(|finding| finding["code"] != "composer-ran"), "{what}");
    let clean = world.directory().join("clean");
    copy_directory(&plain, &clean);
    mwfarm(&clean, &["build", "--wikis", &wikis], 0);
    let (again, once) = (published(&tree), published(&clean));
    assert_eq!(again["generation"], once["generation"], "{what}");
    for file in once["files"].as_object().expect("files").keys() {
        let read = |tree: &Path| fs::read(tree.join("vendor").join(file)).expect("a file");
        assert!(
            read(&tree) == read(&clean),
            "{what}: {file} differs from that of a clean build\n{}\n---\n{}",
            text(&read(&tree)),
            text(&read(&clean))
        );
    }

    // What Composer wrote is back. `dump-autoload` does not write this one: then it is that of before the first build.
    let installed = Path::new("composer/installed.php").to_owned();
    of_composer.insert(installed.clone(), content(&plain).remove(&installed).expect("Composer wrote it"));
    mwfarm(&tree, &["eject"], 0);
    let ejected = content(&tree);
    let differs = |path: &&PathBuf| of_composer.get(*path) != ejected.get(*path);
    let different: BTreeSet<&PathBuf> = of_composer.keys().chain(ejected.keys()).filter(differs).collect();
    assert!(different.is_empty(), "{what}: `eject` leaves other files than Composer: {different:?}");
    expected.len()
}

/// Every file of the vendor directory, and `None` for what is none.
fn content(tree: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let read = |path: &Path, stat: &fs::Metadata| stat.is_file().then(|| fs::read(path).expect("a file"));
    entries(&tree.join("vendor"), read).into_iter().collect()
}

/// Whether a path of the vendor directory is one that only mwfarm makes.
fn is_ours(path: &Path) -> bool {
    let first = path.components().next().map(|first| first.as_os_str().to_string_lossy().into_owned());
    let first = first.unwrap_or_default();
    let hashed = first.strip_prefix("composer").is_some_and(|key| key.len() == 32);
    hashed || ["mwfarm", "bundle_", "wikis_", "MediaWikiExtensions.php"].iter().any(|ours| first.starts_with(ours))
}

/// A wiki with nothing, and one for each extension.
fn write_wikis(world: &World) -> String {
    let mut yaml = String::from("wikis:\n  plain: { hosts: [plain.example.org], extensions: [] }\n");
    for (number, id) in world.farm.all().iter().enumerate() {
        let (kind, name) = id.split_once('/').expect("a directory");
        let _ = writeln!(yaml, "  w{number}: {{ hosts: [w{number}.example.org], {kind}: [\"{name}\"] }}");
    }
    let file = world.directory().join("wikis.yml");
    fs::write(&file, yaml).expect("written");
    file.to_str().expect("UTF-8").to_owned()
}

fn mwfarm(tree: &Path, arguments: &[&str], code: i32) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mwfarm"));
    let output = command.args(arguments).arg("--no-cache").arg("-d").arg(tree).output().expect("mwfarm runs");
    let said = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{}: {arguments:?}\n{}{}", tree.display(), said.0, said.1);
    output
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What stands between the backticks of a phrase.
fn quoted(text: &str, at: usize) -> String {
    text.split('`').nth(at).expect("a quoted name").to_owned()
}

fn doctor(tree: &Path, wikis: &str) -> Vec<Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mwfarm"));
    let output = command.args(["doctor", "--format", "json", "--wikis", wikis, "-d"]).arg(tree).output();
    let output = output.expect("mwfarm runs");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
    json["findings"].as_array().expect("findings").clone()
}

fn published(tree: &Path) -> Value {
    serde_json::from_slice(&fs::read(tree.join("vendor/mwfarm.json")).expect("a manifest")).expect("JSON")
}

/// Which classes of the farm a wiki without extensions can load, and which packages it is told of.
fn loadable(farm: &Farm, tree: &Path) -> Value {
    let classes: Vec<String> = farm.classes().into_keys().collect();
    let code = "require 'vendor/autoload.php'; $seen = []; foreach (json_decode(stream_get_contents(STDIN)) as $class) { \
                $seen[$class] = class_exists($class) || interface_exists($class) || trait_exists($class); } \
                echo json_encode([$seen, Composer\\InstalledVersions::getInstalledPackages()]);";
    let mut child = Command::new("php")
        .args(["-d", "display_errors=stderr", "-r", code])
        .env("MWFARM_WIKI", "plain")
        .current_dir(tree)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("php runs");
    let list = serde_json::to_vec(&classes).expect("JSON");
    std::io::Write::write_all(&mut child.stdin.take().expect("an input"), &list).expect("written");
    let output = child.wait_with_output().expect("php ends");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stdout)))
}

/// Packages and merged extensions that are on disk and have rules, and of which Composer's loader knows no path: asked of
/// the loader itself.
fn uncovered(tree: &Path) -> BTreeSet<String> {
    let code = r"$loader = require 'vendor/autoload.php';
        $paths = array_merge(array_merge([], ...array_values($loader->getPrefixesPsr4())),
            array_merge([], ...array_values($loader->getPrefixes())), $loader->getFallbackDirsPsr4(),
            $loader->getFallbackDirs(), array_values($loader->getClassMap()));
        $files = 'vendor/composer/autoload_files.php';
        $paths = array_merge($paths, is_file($files) ? array_values(require $files) : []);
        $clean = fn ($path) => realpath($path) ?: preg_replace('~[^/]+/\.\./~', '', $path);
        echo json_encode(array_values(array_map($clean, $paths)));";
    let output = Command::new("php").args(["-r", code]).current_dir(tree).output().expect("php runs");
    let paths: Vec<String> =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stdout)));
    let root = tree.canonicalize().expect("a path");
    let covered = |directory: &Path| {
        let directory = directory.to_str().expect("UTF-8");
        paths.iter().any(|path| path == directory || path.starts_with(&format!("{directory}/")))
    };
    let ours = built_rules(tree);
    let gone =
        |(_, path): &(&String, &String)| root.join(path.as_str()).is_dir() && !covered(&root.join(path.as_str()));
    ours.iter().filter(gone).map(|(name, _)| name.clone()).collect()
}

/// What a build of this tree would have rules of: name and directory. From the sets of a build made aside.
fn built_rules(tree: &Path) -> BTreeMap<String, String> {
    // The sets of the generation that was published before Composer ran are those of the built tree.
    let built = tree.with_file_name("tree");
    let mut rules = BTreeMap::new();
    for set in published(&built)["sets"].as_array().expect("sets") {
        let file = built.join(format!("vendor/composer{}/set.json", set["key"].as_str().expect("a key")));
        let set: Value = serde_json::from_slice(&fs::read(file).expect("a set")).expect("JSON");
        for package in set["packages"].as_array().expect("packages") {
            if let Some(path) = package["install_path"].as_str().filter(|_| names_paths(&package["autoload"])) {
                rules.insert(package["name"].as_str().expect("a name").to_owned(), path.to_owned());
            }
        }
        for part in set["parts"].as_array().expect("parts") {
            let file = part["file"].as_str().expect("a file");
            if let Some(path) = file.strip_suffix("/composer.json").filter(|_| names_paths(&part["autoload"])) {
                rules.insert(file.to_owned(), path.to_owned());
            }
        }
    }
    rules
}

/// Whether rules name anything that a loader would know: a class map rule only by the files with classes.
fn names_paths(autoload: &Value) -> bool {
    let some = |field: &str| autoload[field].as_array().is_some_and(|list| !list.is_empty());
    let mapped = autoload["classmap"].as_array().into_iter().flatten().any(|rule| rule["files"].is_array());
    some("files") || some("psr4") || some("psr0") || mapped
}
