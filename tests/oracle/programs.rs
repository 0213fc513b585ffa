//! Programs that load the autoloader in unusual ways, and packages whose `files` do unusual things: what a program
//! prints and how it ends is the same with Composer's autoloader as with the dispatcher, both for a wiki with a bundle
//! and for a list that is merged from sets.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::theorem::try_build;
use super::traps::{extension, farm, library};
use crate::farm::Farm;
use crate::farm::world::World;

/// How a program ended, and what it printed before: without stack traces, paths relative to the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ended {
    code: Option<i32>,
    printed: String,
    errors: String,
}

impl Ended {
    /// Whether it printed this.
    fn says(&self, text: &str) -> bool {
        self.printed.contains(text)
    }
}

/// The beginning of every program: `$load` requires the autoloader inside a function.
const START: &str = "
    $load = static function () use ($argv) { return require $argv[1]; };
    $show = static function ($what) { echo json_encode($what, JSON_UNESCAPED_SLASHES), \"\\n\"; };
    $known = array_keys(get_defined_vars());
";

/// Runs a program with the autoloader of a tree; `more` are further arguments.
fn run(tree: &Path, environment: Option<(&str, &str)>, program: &str, more: &[&Path]) -> Ended {
    let mut php = Command::new("php");
    php.args(["-n", "-d", "display_errors=1", "-d", "html_errors=0", "-r", &format!("{START}{program}"), "--"])
        .arg(tree.join("vendor/autoload.php"))
        .args(more)
        .current_dir("/")
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .envs(environment);
    let output = php.output().expect("php runs");
    let clean = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).replace(&tree.display().to_string(), "(tree)");
        let traced = |line: &&str| !line.starts_with('#') && *line != "Stack trace:";
        text.lines().filter(traced).map(str::to_owned).collect::<Vec<_>>().join("\n")
    };
    Ended { code: output.status.code(), printed: clean(&output.stdout), errors: clean(&output.stderr) }
}

/// Runs programs with the autoloader that Composer makes for the extensions `wanted`, and with the dispatcher: the two
/// show the same. Returns what Composer shows.
#[track_caller]
fn same<const N: usize>(farm: Farm, wanted: &[&str], programs: [&str; N], more: &[&Path]) -> [Ended; N] {
    let mut world = World::new(farm).unwrap_or_else(|refusal| panic!("{}", refusal.text));
    let set: BTreeSet<String> = wanted.iter().map(|name| format!("extensions/{name}")).collect();
    let reference = world.reference(&set, "reference").unwrap_or_else(|refusal| panic!("{}", refusal.text));
    let expected = programs.map(|program| run(&reference, None, program, more));
    let list = set.iter().map(String::as_str).collect::<Vec<_>>().join(",");
    let none = BTreeSet::new();
    let (with, without) = ([("one", &set)], [("none", &none)]);
    for (wikis, entry) in [(with, ("MWFARM_WIKI", "one")), (without, ("MWFARM_EXTENSIONS", list.as_str()))] {
        try_build(&world, &wikis).unwrap_or_else(|message| panic!("{message}"));
        for (program, expected) in programs.iter().zip(&expected) {
            let seen = run(&world.tree(), Some(entry), program, more);
            if seen != *expected {
                let kept = world.keep();
                panic!("{entry:?} (kept in {}): {program}\n{seen:#?}\nComposer:\n{expected:#?}", kept.display());
            }
        }
    }
    expected
}

/// A farm with one extension, `E1`, and these files that are always loaded, in this order; each tells that it runs.
fn with_files(files: &[(&str, &str)]) -> Farm {
    let mut farm = farm(json!({}));
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    extension(&mut farm, "E1", json!({ "autoload": { "files": names, "psr-4": { "E1\\": "src/" } } }), |sources| {
        sources.class("src/A.php", "E1\\A");
        for (name, text) in files {
            sources.text(name, &format!("<?php\n$GLOBALS['trace'][] = '{name}';\n{text}\n"));
        }
    });
    farm
}

#[test]
fn files_that_die_outside_of_mediawiki() {
    let guard = "if (!defined('MEDIAWIKI')) {\n    die(\"Not a valid entry point.\\n\");\n}\n";
    let files = [("a.php", ""), ("guard.php", guard), ("z.php", "")];
    let load = "register_shutdown_function(static function () { echo 'end '; }); $load(); $show($trace); \
                $show(class_exists('E1\\A'));";
    let inside = format!("define('MEDIAWIKI', 1); {load}");
    let [outside, inside] = same(with_files(&files), &["E1"], [load, &inside], &[]);
    assert_eq!((outside.code, outside.printed.as_str()), (Some(0), "Not a valid entry point.\nend "));
    assert_eq!(inside.printed, "[\"a.php\",\"guard.php\",\"z.php\"]\ntrue\nend ");

    // Without a wiki they are not loaded at all: a program that is not MediaWiki goes on.
    let world = World::new(with_files(&files)).unwrap_or_else(|refusal| panic!("{}", refusal.text));
    let (none, one) = (BTreeSet::new(), BTreeSet::from(["extensions/E1".to_owned()]));
    let base = world.reference(&none, "base").expect("Composer accepts it");
    let program = "$load(); $show($GLOBALS['trace'] ?? []); $show(class_exists('E1\\A'));";
    let expected = run(&base, None, program, &[]);
    assert_eq!(expected.printed, "[]\nfalse");
    try_build(&world, &[("one", &one)]).unwrap_or_else(|message| panic!("{message}"));
    for entry in [None, Some(("MWFARM_WIKI", "unknown")), Some(("MWFARM_WIKI", "")), Some(("MWFARM_EXTENSIONS", ","))] {
        assert_eq!(run(&world.tree(), entry, program, &[]), expected, "{entry:?}");
    }
}

#[test]
fn files_that_exit_or_throw() {
    let thrown = "if (!empty($GLOBALS['throw'])) {\n    throw new LogicException('in the middle');\n}\n\
                  if (!empty($GLOBALS['leave'])) {\n    exit(3);\n}\n";
    let files = [("a.php", ""), ("middle.php", thrown), ("z.php", "")];
    let told = "$show($trace); $show(class_exists('E1\\A')); \
                $show([count(spl_autoload_functions()), count($GLOBALS['__composer_autoload_files'])]);";
    let uncaught = "$throw = true; $load(); echo 'not reached';";
    let caught = format!(
        "$throw = true; try {{ $load(); }} catch (LogicException $e) {{ $show($e->getMessage()); }} {told} \
         $throw = false; $again = $load(); $show([get_class($again), $load() === $again]); {told}"
    );
    let exit = "$leave = true; register_shutdown_function(static function () { \
                $GLOBALS['show']($GLOBALS['trace']); $GLOBALS['leave'] = false; $GLOBALS['load'](); \
                $GLOBALS['show']($GLOBALS['trace']); }); $load(); echo 'not reached';";
    let [uncaught, caught, exit] = same(with_files(&files), &["E1"], [uncaught, &caught, exit], &[]);
    assert_eq!(uncaught.code, Some(255));
    assert!(
        uncaught.says("Uncaught LogicException: in the middle in (tree)/extensions/E1/middle.php:4"),
        "{uncaught:?}"
    );
    assert!(caught.says("[\"Composer\\\\Autoload\\\\ClassLoader\",true]") && !caught.says("z.php"), "{caught:?}");
    assert!(exit.code == Some(3) && !exit.says("not reached") && !exit.says("z.php"), "{exit:?}");
}

#[test]
fn files_that_register_hooks_and_print() {
    let hooks = "$GLOBALS['wgHooks']['ParserFirstCallInit'][] = 'E1\\A::hook';\n\
                 global $wgExtensionFunctions, $wgSetHere;\n$wgExtensionFunctions[] = static function () {};\n\
                 $wgSetHere = $GLOBALS['wgSetBefore'] ?? 'unset';\n$wgLocal = 'a local variable';\n\
                 return 'a value that nobody sees';\n";
    let prints = "namespace E1;\ndefine('E1_VERSION', '1.0');\nconst LOCAL = 2;\n\
                  echo 'printed by ', basename(__FILE__), ' ', A::class, class_exists('E1\\A') ? ' found' : '', \"\\n\";\n\
                  set_error_handler(static function () { return false; });\nini_set('precision', '5');\n";
    let mut farm = with_files(&[("hooks.php", hooks)]);
    library(&mut farm, "l/prints", json!({ "autoload": { "files": ["prints.php"] } }), |sources| {
        sources.text("prints.php", &format!("<?php\n{prints}?>\ntext after PHP\n"));
    });
    extension(&mut farm, "E2", json!({ "require": { "l/prints": "*" } }), |_| {});
    let told = "$show([$wgHooks, count($wgExtensionFunctions), $wgSetHere, isset($wgLocal), E1_VERSION, \\E1\\LOCAL, \
                ini_get('precision')]); $left = array_diff(array_keys(get_defined_vars()), $known); sort($left); $show($left);";
    let inside = format!("$wgSetBefore = 'before'; $load(); {told}");
    let outside = format!("$wgHooks['Other'] = []; require $argv[1]; {told}");
    let seen = same(farm, &["E1", "E2"], [&inside, &outside], &[]);
    for seen in seen {
        assert!(seen.says("printed by prints.php E1\\A found\ntext after PHP"), "{seen:?}");
        assert!(seen.says("{\"ParserFirstCallInit\":[\"E1\\\\A::hook\"]}") || seen.says("\"Other\":[]"), "{seen:?}");
    }
}

#[test]
fn functions_that_two_packages_define() {
    let guarded = "if (!function_exists('twice')) {\n    function twice() { return __FILE__; }\n}\n";
    let bare = "function twice() { return __FILE__; }\n";
    for (first, second, fatal) in
        [(guarded, guarded, false), (bare, guarded, false), (guarded, bare, true), (bare, bare, true)]
    {
        let mut farm = farm(json!({}));
        for (name, text) in [("l/aa", first), ("l/bb", second)] {
            library(&mut farm, name, json!({ "autoload": { "files": ["f.php"] } }), |sources| {
                sources.text("f.php", &format!("<?php\n{text}"));
            });
        }
        extension(&mut farm, "E1", json!({ "require": { "l/aa": "*", "l/bb": "*" } }), |_| {});
        let program = "register_shutdown_function(static function () { \
                       echo function_exists('twice') ? twice() : 'none', \"\\n\"; }); $load(); echo \"went on\\n\";";
        let [seen] = same(farm, &["E1"], [program], &[]);
        assert_eq!(seen.says("Cannot redeclare twice() (previously declared in (tree)/vendor/l/aa/f.php"), fatal);
        assert_eq!((seen.code == Some(0), seen.says("went on")), (!fatal, !fatal), "{seen:?}");
        assert!(seen.printed.ends_with("(tree)/vendor/l/aa/f.php"), "{seen:?}");
    }
}

#[test]
fn the_autoloader_is_required_again() {
    let again = "if (!isset($GLOBALS['inner'])) {\n    $GLOBALS['inner'] = true;\n    \
                 $GLOBALS['inner'] = require $GLOBALS['argv'][1];\n}\n";
    let files = [("a.php", ""), ("again.php", again), ("z.php", "")];
    let told = "$show($trace); $show([count(spl_autoload_functions()), \
                count(Composer\\Autoload\\ClassLoader::getRegisteredLoaders()), $inner === $first]);";
    let require = format!(
        "$first = $load(); $second = require $argv[1]; $once = require_once $argv[1]; $one = include_once $argv[1]; \
         $show([$first === $second, is_object($once), $one, \
         (require dirname($argv[1]) . '/../vendor/./autoload.php') === $first]); {told}"
    );
    let once = format!(
        "$first = require_once $argv[1]; $show([is_object($first), require_once $argv[1], $load() === $first]); {told}"
    );
    // Composer loads nothing again, whatever happened to its list, its functions or its directory.
    let odd = format!(
        "$first = $load(); $__composer_autoload_files = []; $first->unregister(); chdir('/tmp'); set_include_path('/'); \
         $show([$load() === $first, get_include_path()]); $first->register(true); {told}"
    );
    let [require, once, odd] = same(with_files(&files), &["E1"], [&require, &once, &odd], &[]);
    let trace = "[\"a.php\",\"again.php\",\"z.php\"]";
    assert!(require.says(trace) && once.says(trace) && odd.says(trace), "{require:?}\n{once:?}\n{odd:?}");
    assert!(require.says("[1,1,true]") && once.says("[1,1,true]") && odd.says("[1,1,true]"), "{require:?}\n{odd:?}");
}

#[test]
fn the_autoloader_is_required_in_any_scope() {
    let scope = "try {\n    $class = get_called_class();\n} catch (Error $error) {\n    $class = null;\n    unset($error);\n}\n\
                 $GLOBALS['scopes'][] = [array_diff(array_keys(get_defined_vars()), ['class']), isset($this), $class];\n$loader = $table = $hash = $vendor = $generation = 'changed';\n";
    let files = [("a.php", scope), ("z.php", scope)];
    let function = "function f($file) { $kept = 1; $value = require $file; return array_keys(get_defined_vars()); } \
                    $show(f($argv[1])); $show($scopes); $show(array_values(array_diff(array_keys(get_defined_vars()), $known)));";
    let method = "final class Program { public $kept = 1; private $loader = 2; \
                  function f($file) { $this->value = require $file; \
                  return [array_keys(get_defined_vars()), array_keys(get_object_vars($this))]; } } \
                  #[AllowDynamicProperties] final class Other { function f($file) { extract(['table' => 1, 'vendor' => 2, \
                  'loader' => 3, 'generation' => 4, 'map' => 5]); require $file; return get_defined_vars(); } } \
                  $other = (new Other)->f($argv[1]); unset($other['file']); $show($other); $show($scopes);";
    let global = "$loader = $table = $class = 'mine'; $value = require $argv[1]; $show([$loader, $table, $class]); \
                  $show($scopes); $show(array_values(array_diff(array_keys(get_defined_vars()), $known)));";
    let generator = "$steps = (static function () use ($argv) { yield 1; yield get_class(require $argv[1]); })(); \
                     foreach ($steps as $step) { $show($step); } $show($scopes);";
    let handler = "spl_autoload_register(static function ($class) use ($argv) { if ($class === 'E1\\A') { require $argv[1]; } }); \
                   $show(class_exists('E1\\A')); $show($scopes); $show((new ReflectionClass('E1\\A'))->getFileName());";
    let programs = [function, method, global, generator, handler];
    let seen = same(with_files(&files), &["E1"], programs, &[]);
    for seen in &seen {
        assert!(seen.code == Some(0) && seen.says("[[[\"fileIdentifier\",\"file\"],false,null]"), "{seen:?}");
    }
    assert!(seen[0].says("[\"file\",\"kept\",\"value\"]"), "{seen:?}");
    assert!(seen[4].says("(tree)/extensions/E1/src/A.php"), "{seen:?}");
}

/// Another project of the process: it has a class, a file and a package of the same names, and its own Composer.
fn another_project(mut config: serde_json::Value) -> World {
    config["autoloader-suffix"] = json!("OfTheOther");
    let mut other = farm(config);
    other.root["name"] = json!("other/project");
    other.root["version"] = json!("9.0.0");
    other.root["autoload"] = json!({ "psr-4": { "Shared\\": "lib/", "Other\\": "other/" }, "files": ["other.php"] });
    other.sources.class("lib/Common.php", "Shared\\Common");
    other.sources.class("lib/OnlyThere.php", "Shared\\OnlyThere");
    other.sources.class("other/Thing.php", "Other\\Thing");
    other.sources.text("other.php", "<?php\n$GLOBALS['trace'][] = 'other.php';\n");
    library(&mut other, "l/lib", json!({ "version": "2.0.0", "autoload": { "files": ["f.php"] } }), |sources| {
        sources.text("f.php", "<?php\n$GLOBALS['trace'][] = 'f.php of the other';\n");
    });
    other.root["require"]["l/lib"] = json!("*");
    World::new(other).unwrap_or_else(|refusal| panic!("{}", refusal.text))
}

#[test]
fn another_project_lives_in_the_process() {
    let plain = json!({});
    let strict = json!({ "classmap-authoritative": true, "prepend-autoloader": false });
    for (config, other) in [(&plain, &plain), (&strict, &plain), (&plain, &strict), (&strict, &strict)] {
        let other = another_project(other.clone());
        let mut farm = farm(config.clone());
        library(
            &mut farm,
            "l/lib",
            json!({ "autoload": { "files": ["f.php"], "psr-4": { "Lib\\": "src/" } } }),
            |sources| {
                sources.text("f.php", "<?php\n$GLOBALS['trace'][] = 'f.php';\n");
                sources.class("src/A.php", "Lib\\A");
            },
        );
        let rules =
            json!({ "require": { "l/lib": "*" }, "autoload": { "psr-4": { "Shared\\": "src/" }, "files": ["e.php"] } });
        extension(&mut farm, "E1", rules, |sources| {
            sources.class("src/Common.php", "Shared\\Common");
            sources.text("e.php", "<?php\n$GLOBALS['trace'][] = 'e.php';\n");
        });
        let told = "$versions = Composer\\InstalledVersions::class;
            $show($trace);
            $show(array_keys($__composer_autoload_files));
            $show([get_class($one), get_class($two), $one === $two]);
            foreach (Composer\\Autoload\\ClassLoader::getRegisteredLoaders() as $directory => $loader) {
                $show([$directory, $loader === $one, $loader === $two, $loader->isClassMapAuthoritative()]);
            }
            $show(array_map(static function ($function) use ($one) { return [get_class($function[0]), $function[1],
                $function[0] === $one]; }, spl_autoload_functions()));
            foreach (['Shared\\Common', 'Shared\\OnlyThere', 'Other\\Thing', 'Lib\\A', 'No\\Such'] as $class) {
                $show([$class, class_exists($class) ? (new ReflectionClass($class))->getFileName() : null]);
            }
            $show([$versions::getVersion('l/lib'), $versions::getRootPackage()['name'], count($versions::getAllRawData()),
                $versions::isInstalled('mediawiki/e1'), realpath($versions::getInstallPath('l/lib')),
                array_map(static function ($data) { return [$data['root']['name'], array_keys($data['versions'])]; },
                    $versions::getAllRawData())]);
            $one->addPsr4('Late\\\\', '/x');
            $show([$one->getPrefixesPsr4()['Late\\\\'], isset($two->getPrefixesPsr4()['Late\\\\'])]);
            $one->unregister(); $show(count(Composer\\Autoload\\ClassLoader::getRegisteredLoaders()));";
        let after = format!("$one = $load(); $two = require $argv[2]; {told}");
        let before = format!("$two = require $argv[2]; $one = $load(); {told}");
        let between = format!("$two = require $argv[2]; $one = $load(); $two = require $argv[2]; $load(); {told}");
        // The second project's versions are asked for before the first is there, and the other way round.
        let asked = "Composer\\InstalledVersions::getAllRawData();";
        let early = format!("$two = require $argv[2]; {asked} $one = $load(); {told}");
        let late = format!("$one = $load(); {asked} $two = require $argv[2]; {told}");
        let autoload = other.tree().join("vendor/autoload.php");
        let programs = [&after[..], &before, &between, &early, &late];
        let [after, before, ..] = same(farm, &["E1"], programs, &[&autoload]);
        assert!(after.code == Some(0) && after.errors.is_empty() && after.says("\"other.php\""), "{after:?}");
        // Both projects have a file with the same identifier: the first one's counts.
        assert_eq!((after.says("f.php of the other"), before.says("f.php of the other")), (false, true));
    }
}

/// Composer's proxies in `vendor/bin` name the autoloader of their tree; without a wiki that is the base.
#[test]
fn programs_in_vendor_bin_run_on_the_base() {
    let mut farm = with_files(&[("die.php", "die('not here');")]);
    let tool = "#!/usr/bin/env php\n<?php\n$loader = require $_composer_autoload_path;\n\
                echo json_encode([get_class($loader), basename($_composer_bin_dir), class_exists('Tool\\A'), \
                class_exists('E1\\A'), array_slice($argv, 1)]), \"\\n\";\nexit(7);\n";
    library(
        &mut farm,
        "acme/tool",
        json!({ "bin": ["tool"], "autoload": { "psr-4": { "Tool\\": "src/" } } }),
        |sources| {
            sources.class("src/A.php", "Tool\\A");
            sources.text("tool", tool);
        },
    );
    farm.root["require"]["acme/tool"] = "*".into();
    let mut world = World::new(farm).unwrap_or_else(|refusal| panic!("{}", refusal.text));
    let one = BTreeSet::from(["extensions/E1".to_owned()]);
    let base = world.reference(&BTreeSet::new(), "base").expect("Composer accepts it");
    try_build(&world, &[("one", &one)]).unwrap_or_else(|message| panic!("{message}"));
    let ran = |tree: &Path| {
        let mut php = Command::new("php");
        php.arg("-n").arg(tree.join("vendor/bin/tool")).args(["--verbose", "x"]);
        let output = php.current_dir("/").env_clear().env("PATH", "/usr/bin:/bin").output().expect("php runs");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let expected =
        (Some(7), "[\"Composer\\\\Autoload\\\\ClassLoader\",\"bin\",true,false,[\"--verbose\",\"x\"]]\n".to_owned());
    assert_eq!(ran(&base), expected);
    assert_eq!(ran(&world.tree()), expected, "{}", world.keep().display());
}
