//! The theorem: for every set S of extensions, what the dispatcher shows with the bundle of S is what the real
//! Composer's autoloader of Reference(S) shows.
//!
//! `MWFARM_CASES` is the number of random cases (100 by default; a campaign runs 1,000), `MWFARM_SEED` runs the farm
//! of one seed only. A case that fails keeps its directory and says where.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::num::NonZero;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use serde_json::Value;

use super::observe::{Entry, Questions, Side, differences, observe};
use crate::farm::generate::{self, Size};
use crate::farm::random::Random;
use crate::farm::world::World;
use crate::farm::{Extension, Farm, Kind, composer, corpus};
use crate::linking::relink;

/// A set of extensions, by their directories.
type Wanted = BTreeSet<String>;

/// Random sets of each farm, besides the empty one and all.
const SETS_PER_FARM: u64 = 4;

#[test]
fn random_sets_of_random_farms_show_what_composer_shows() {
    if let Some(seed) = env::var("MWFARM_SEED").ok().map(|seed| seed.parse().expect("a seed is a number")) {
        let tally = prove(farm(seed), &sets(seed), Other::Mwfarm);
        assert!(tally.failures.is_empty(), "{}", tally.failures.join("\n"));
        assert!(tally.proven > 0, "{}", tally.summary());
        return;
    }
    let cases: u64 = env::var("MWFARM_CASES").map_or(100, |cases| cases.parse().expect("a number of cases"));
    let farms = cases.div_ceil(SETS_PER_FARM);
    let tally = prove_all(farms, Other::Mwfarm);
    assert!(tally.failures.is_empty(), "{}\n{}", tally.failures.join("\n"), tally.summary());
    // None of the farms of an ordinary run, and hardly one of those of a campaign.
    assert!(tally.not_installed.len() as u64 * 100 <= farms, "{}", tally.not_installed.join("\n"));
    assert!(tally.proven >= cases, "too many sets were refused: {}", tally.summary());
    assert!(
        tally.refused * 10 <= tally.proven,
        "Composer refuses too many sets to prove anything: {}",
        tally.summary()
    );
}

/// A farm that a campaign found: one of its packages is locked only for what it provides of the platform.
#[test]
fn a_package_that_nobody_names_belongs_to_the_base() {
    let tally = prove(farm(203), &sets(203), Other::Mwfarm);
    assert!(tally.failures.is_empty() && tally.proven > 0, "{}\n{}", tally.failures.join("\n"), tally.summary());
}

#[test]
fn every_subset_of_six_extensions_shows_what_composer_shows() {
    let farm = generate::farm_of_size(Random::new(19), Size { libraries: 10, extensions: 6 }, "the farm of six");
    let all: Vec<String> = farm.all().into_iter().collect();
    let subset = |bits: u32| (0..all.len()).filter(|at| bits & (1 << at) != 0).map(|at| all[at].clone()).collect();
    let tally = prove(farm, &(0..1 << all.len()).map(subset).collect::<Vec<Wanted>>(), Other::Mwfarm);
    assert!(tally.failures.is_empty(), "{}", tally.failures.join("\n"));
    assert_eq!((tally.proven, tally.refused), (64, 0), "{}", tally.summary());
}

#[test]
fn a_set_alone_shows_the_classes_of_its_extension() {
    for seed in [3, 4, 11, 14] {
        let mut world = World::new(farm(seed)).unwrap_or_else(|refusal| panic!("seed {seed}: {}", refusal.text));
        // No combination but the empty one is linked, so every list is merged from sets.
        build(&world, &[("base", &Wanted::new())]);
        let questions = Questions::new(&world.farm, seed);
        let ambiguous: Vec<String> =
            world.farm.classes().into_iter().filter(|(_, files)| *files > 1).map(|(class, _)| class).collect();
        for extension in world.farm.all() {
            let Ok(reference) = world.reference(&Wanted::from([extension.clone()]), "reference") else { continue };
            let mut expected = observe(&Side::new(reference.clone(), Entry::default()), &questions, 0);
            let entry = Entry::environment("MWFARM_EXTENSIONS", &extension);
            let mut seen = observe(&Side::new(world.tree(), entry), &questions, 0);
            forget_order(&mut expected, &ambiguous);
            forget_order(&mut seen, &ambiguous);
            let found = differences(&expected, &seen);
            assert!(found.is_empty(), "{}: {extension} alone\n{}", world.keep().display(), found.join("\n"));
            fs::remove_dir_all(reference).expect("the reference is removed");
        }
    }
}

#[test]
fn every_way_to_name_a_wiki_finds_it() {
    every_way_finds_it("");
}

/// The wiki table of many wikis is a directory of 256 parts.
#[test]
fn every_way_to_name_a_wiki_finds_it_among_many() {
    let mut many = String::new();
    for index in 0..2_100 {
        let _ = writeln!(many, "  many{index}: {{ hosts: [many{index}.example.org, paths.example.org/m{index}] }}");
    }
    every_way_finds_it(&many);
}

#[expect(clippy::too_many_lines, reason = "most of them are a list of cases")]
fn every_way_finds_it(more: &str) {
    let mut world = World::new(farm(2)).unwrap_or_else(|refusal| panic!("{}", refusal.text));
    let package = |extension: &&Extension| matches!(extension.kind, Kind::Package(_));
    let package = world.farm.extensions.iter().find(package).expect("an extension that is a package").id.clone();
    let wanted = Wanted::from([package.clone()]);
    let (none, all) = (Wanted::new(), world.farm.all());
    let more = format!(
        "  db-one: {{ hosts: [\"[2001:db8::1]\", paths.example.org, paths.example.org/one/deep], db: database_one, \
         extensions: [{}] }}\n  path: {{ hosts: [paths.example.org/one], extensions: [] }}\n{more}",
        package.rsplit('/').next().unwrap_or_default()
    );
    try_build_with(&world, &[("base", &none), ("one", &wanted), ("all", &all)], &more, &[])
        .unwrap_or_else(|message| panic!("{}: {message}", world.farm.name));
    let parts = fs::read_dir(world.tree().join("vendor")).expect("vendor/").any(|entry| {
        let entry = entry.expect("an entry");
        entry.file_name().to_string_lossy().starts_with("wikis_") && entry.path().join("index.php").is_file()
    });
    assert_eq!(parts, more.contains("many2099"), "one file up to 2,000 wikis, parts above");

    let questions = Questions::new(&world.farm, 0);
    let text = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let constants = |entries: &[(&str, &str)]| Entry {
        constants: entries.iter().map(|(name, value)| text(name, value)).collect(),
        ..Entry::default()
    };
    let constant = |name, value| constants(&[(name, value)]);
    let servers = |entries: &[(&str, &str)]| Entry {
        server: entries.iter().map(|(name, value)| text(name, value)).collect(),
        ..Entry::default()
    };
    let server = |name, value| servers(&[(name, value)]);
    let path = |path| servers(&[("HTTP_HOST", "paths.example.org"), ("REQUEST_URI", path)]);
    let arguments = |list: &[&str]| Entry {
        arguments: list.iter().map(|&argument| argument.to_owned()).collect(),
        ..Entry::default()
    };
    let farm = |names: &[&str]| Entry {
        farm: Some(names.iter().map(|&name| name.to_owned()).collect()),
        ..server("HTTP_HOST", "all.example.org")
    };
    let list = world.farm.closure(&wanted).into_iter().collect::<Vec<_>>().join(",");
    let name = package.replacen("extensions/", "Extension", 1).replacen("skins/", "Skin", 1);
    let long = format!("/one/deep{}", "/x".repeat(4_000));
    let named: Vec<(&Wanted, Entry)> = vec![
        (&wanted, Entry::environment("MWFARM_WIKI", "one")),
        (&wanted, constant("MWFARM_WIKI", "one")),
        (&wanted, server("MWFARM_WIKI", "one")),
        (&wanted, Entry::environment("MWFARM_EXTENSIONS", &list)),
        (&wanted, constant("MWFARM_EXTENSIONS", &format!(" {list}, {list},"))),
        (&wanted, server("MWFARM_EXTENSIONS", &list)),
        (&wanted, constant("MW_WIKI_NAME", "one")),
        (&wanted, constant("MW_DB", "one")),
        (&wanted, constant("MW_DB", "database_one")),
        (&wanted, Entry { constants: [text("MW_WIKI_NAME", "one")].into(), ..server("HTTP_HOST", "all.example.org") }),
        // What MediaWiki makes of `--wiki=one-prefix` and `--wiki=db-one`.
        (&wanted, constants(&[("MW_WIKI_NAME", "one-prefix"), ("MW_DB", "one")])),
        (&wanted, constants(&[("MW_WIKI_NAME", "db-one"), ("MW_DB", "db")])),
        (&none, constants(&[("MW_WIKI_NAME", "no-prefix"), ("MW_DB", "no")])),
        (
            &wanted,
            Entry { constants: [text("MW_CONFIG_CALLBACK", "other")].into(), ..server("HTTP_HOST", "one.example.org") },
        ),
        (
            &none,
            Entry {
                constants: [text("MW_CONFIG_CALLBACK", "Installer::overrideConfig")].into(),
                ..server("HTTP_HOST", "one.example.org")
            },
        ),
        (&wanted, arguments(&["--wiki", "one"])),
        (&wanted, arguments(&["run", "--wiki=one", "rest"])),
        (&wanted, arguments(&["--wiki=database_one"])),
        (&wanted, Entry::environment("PHPUNIT_WIKI", "one")),
        (&wanted, arguments(&["--server", "https://one.example.org"])),
        (&wanted, arguments(&["--server=//one.example.org:8080/wiki"])),
        (&wanted, arguments(&["--server=https://[2001:db8::1]:8080/"])),
        (&wanted, server("SERVER_NAME", "https://one.example.org")),
        (&wanted, server("SERVER_NAME", "one.example.org")),
        (&wanted, servers(&[("HTTP_HOST", "one.example.org"), ("SERVER_NAME", "all.example.org")])),
        (&wanted, server("HTTP_HOST", "one.example.org")),
        (&wanted, server("HTTP_HOST", "one.example.org.")),
        (&wanted, server("HTTP_HOST", "ONE.example.org.:8080")),
        (&wanted, server("HTTP_HOST", "ONE.Example.org:8080")),
        (&wanted, server("HTTP_HOST", "[2001:db8::1]")),
        (&wanted, server("HTTP_HOST", "[2001:DB8::1]:8080")),
        (&wanted, path("/")),
        (&wanted, path("/other?x=/one")),
        (&wanted, path("/one/deep")),
        (&wanted, path("/one/deep/er?action=view")),
        (&wanted, path(&long)),
        (&none, path("/one")),
        (&none, path("/one/deeper")),
        (&none, path("/one?x=/one/deep")),
        (&wanted, path("/oneself")),
        (&wanted, path("//one")),
        (&wanted, farm(&[&name])),
        (&all, farm(&[])),
        (&wanted, Entry { constants: [text("MWFARM_WIKI", "one")].into(), ..farm(&["ExtensionNone"]) }),
        (&all, Entry { server: [text("HTTP_HOST", "one.example.org")].into(), ..arguments(&["--wiki", "all"]) }),
        (&none, Entry::default()),
        (&none, Entry::environment("MWFARM_EXTENSIONS", "")),
        (&none, Entry::environment("MWFARM_EXTENSIONS", " , ")),
        (&none, constant("MW_DB", "unknown")),
        (&none, arguments(&["--wiki"])),
        (&none, arguments(&["--server", "https://unknown.example.org"])),
        (&none, arguments(&["--server", "//:80"])),
        (&none, server("HTTP_HOST", "unknown.example.org")),
        (&none, server("HTTP_HOST", "one.example.org/../..")),
        (&none, server("HTTP_HOST", "one.example.org..")),
        (&none, server("HTTP_HOST", "one.example.org:")),
        (&none, server("HTTP_HOST", ":8080")),
        (&none, server("HTTP_HOST", "paths.example.org/one/deep")),
        (&none, server("HTTP_HOST", "[::1")),
        (&none, server("HTTP_HOST", "../../etc/passwd\0")),
        (&none, server("HTTP_HOST", "")),
    ];
    let mut references = BTreeMap::new();
    for (index, wanted) in [&none, &wanted, &all].into_iter().enumerate() {
        let tree = world.reference(wanted, &format!("reference-{index}")).expect("Composer accepts the set");
        references.insert(wanted.clone(), observe(&Side::new(tree, Entry::default()), &questions, 0));
    }
    for (wanted, entry) in named {
        let seen = observe(&Side::new(world.tree(), entry.clone()), &questions, 0);
        let found = differences(&references[wanted], &seen);
        assert!(found.is_empty(), "{}: {entry:?}\n{}", world.keep().display(), found.join("\n"));
    }
}

/// The fast autoloader loads the same from the same scope; only the autoload function is another one.
#[test]
fn the_fast_autoloader_differs_in_its_function_only() {
    for seed in [2, 9, 24] {
        let mut farm = farm(seed);
        farm.root["config"]["classmap-authoritative"] = true.into();
        let mut world = World::new(farm).unwrap_or_else(|refusal| panic!("seed {seed}: {}", refusal.text));
        let sets = sets(seed);
        let ids: Vec<String> = (0..sets.len()).map(|index| format!("w{index}")).collect();
        let wikis: Vec<(&str, &Wanted)> = ids.iter().map(String::as_str).zip(&sets).collect();
        try_build_with(&world, &wikis, "", &["--autoloader", "fast"]).unwrap_or_else(|message| panic!("{message}"));
        let mut compared = 0;
        for (index, (id, wanted)) in wikis.into_iter().enumerate() {
            let Ok(reference) = world.reference(wanted, &format!("reference-{id}")) else { continue };
            let questions = Questions::new(&world.farm, index as u64);
            let mut expected = observe(&Side::new(reference, Entry::default()), &questions, 2);
            let mut seen = observe(&Side::new(world.tree(), Entry::environment("MWFARM_WIKI", id)), &questions, 2);
            let function = |seen: &mut Value| {
                let functions = seen["complete"]["autoload functions"].as_array_mut().expect("a list");
                let at = functions.iter().position(|name| !name.as_str().is_some_and(|name| name.starts_with("own ")));
                at.map(|at| functions[at].take())
            };
            assert_eq!(function(&mut seen), Some("Closure".into()));
            assert!(function(&mut expected).is_some());
            let found = differences(&expected, &seen);
            assert!(found.is_empty(), "{}: {wanted:?}\n{}", world.keep().display(), found.join("\n"));
            compared += 1;
        }
        assert!(compared > 2, "seed {seed}: Composer refuses too many sets");
    }
}

#[test]
fn the_oldest_and_the_newest_php_show_the_same() {
    let mut farm = farm(1);
    // The farm's packages ask for a newer PHP than the runtime does.
    farm.root["config"]["platform-check"] = false.into();
    let mut world = World::new(farm).unwrap_or_else(|refusal| panic!("{}", refusal.text));
    let all = world.farm.all();
    build(&world, &[("all", &all)]);
    let questions = Questions::new(&world.farm, 74);
    let reference = world.reference(&all, "reference").expect("Composer accepts all");
    let list = all.iter().cloned().collect::<Vec<_>>().join(",");
    for php in [composer::php74(), composer::oracle().join("bin/php84")] {
        let look =
            |tree: &Path, entry| observe(&Side { tree: tree.to_owned(), entry, php: php.clone() }, &questions, 1);
        let expected = look(&reference, Entry::default());
        assert!(expected["complete"]["value"].is_string(), "{expected:#}");
        for entry in [Entry::environment("MWFARM_WIKI", "all"), Entry::environment("MWFARM_EXTENSIONS", &list)] {
            let found = differences(&expected, &look(&world.tree(), entry));
            assert!(found.is_empty(), "{}: {}\n{}", world.keep().display(), php.display(), found.join("\n"));
        }
    }
}

/// Neither Composer nor the observer brings differences of its own.
#[test]
fn two_references_of_one_set_show_the_same() {
    let tally = prove_all(5, Other::Reference);
    assert!(tally.not_installed.is_empty(), "{}", tally.not_installed.join("\n"));
    assert!(
        tally.failures.is_empty(),
        "{}
{}",
        tally.failures.join(
            "
"
        ),
        tally.summary()
    );
}

/// The proof is worth what the observer sees: nothing between two references of one set, and every alteration.
#[test]
fn the_observer_sees_every_alteration_and_nothing_else() {
    let world = World::new(farm(1)).unwrap_or_else(|refusal| panic!("{}", refusal.text));
    let questions = Questions::new(&world.farm, 1);
    let look = |tree: &Path| observe(&Side::new(tree.to_owned(), Entry::default()), &questions, 1);
    let all = world.farm.all();
    let first = look(&world.reference(&all, "first").expect("Composer accepts all"));
    let second = world.reference(&all, "second").expect("Composer accepts all");
    assert_eq!(differences(&first, &look(&second)), Vec::<String>::new());

    let before_return = |more: &str| ("vendor/autoload.php", "return Composer", format!("{more}\nreturn Composer"));
    let alterations = [
        ("a global", "globals", before_return("$GLOBALS['leak'] = 1;")),
        ("an include path", "include path", before_return("set_include_path('/x');")),
        ("an autoload function", "autoload functions", before_return("spl_autoload_register('strlen', true, true);")),
        ("a value", "value", ("vendor/autoload.php", "return Composer", "return 1 ?: Composer".to_owned())),
        ("output", "output", before_return("echo ' ';")),
        ("a warning", "messages", before_return("trigger_error('x');")),
        ("a version", "installed", ("vendor/composer/installed.php", "'version' => '", "'version' => '1".to_owned())),
        (
            "a reference",
            "installed",
            ("vendor/composer/installed.php", "'reference' => ", "'reference' => 'x' . ".to_owned()),
        ),
        (
            "a package",
            "installed",
            (
                "vendor/composer/installed.php",
                "'versions' => array(",
                "'versions' => array('a/b' => array('dev_requirement' => false),".to_owned(),
            ),
        ),
        (
            "a class",
            "class map",
            (
                "vendor/composer/autoload_static.php",
                "$classMap = array (",
                "$classMap = array ('X' => __DIR__ . '/LICENSE',".to_owned(),
            ),
        ),
        (
            "a file's identifier",
            "identifiers",
            (
                "vendor/composer/autoload_static.php",
                "public static $files = array (\n        '",
                "public static $files = array (\n        'x".to_owned(),
            ),
        ),
        (
            "a prefix",
            "prefixes",
            (
                "vendor/composer/autoload_static.php",
                "public static $prefixDirsPsr4 = array (",
                "public static $prefixDirsPsr4 = array ('Y\\\\' => array(__DIR__),".to_owned(),
            ),
        ),
    ];
    for (what, place, (file, old, new)) in alterations {
        let path = second.join(file);
        let text = fs::read_to_string(&path).expect("Composer wrote it");
        assert!(text.contains(old), "{what}: {file} lacks {old:?}");
        fs::write(&path, text.replacen(old, &new, 1)).expect("the alteration is written");
        let found = differences(&first, &look(&second));
        assert!(found.iter().any(|line| line.contains(place)), "{what} is not seen as {place}: {found:?}");
        fs::write(&path, text).expect("the alteration is taken back");
    }
    assert_eq!(differences(&first, &look(&second)), Vec::<String>::new());
}

/// What was tried.
#[derive(Debug, Default)]
pub(super) struct Tally {
    proven: u64,
    refused: u64,
    /// Whether the one failure is that Composer cannot install the farm.
    impossible: bool,
    /// Among many farms: those that Composer cannot install, which says nothing of mwfarm.
    not_installed: Vec<String>,
    pub(super) failures: Vec<String>,
}

impl Tally {
    fn summary(&self) -> String {
        format!("{} sets compared, {} refused by Composer", self.proven, self.refused)
    }
}

/// The farm of a seed: four of five are drawn freely, the fifth from the facts of the corpus.
fn farm(seed: u64) -> Farm {
    if seed % 5 == 4 { corpus::farm(seed) } else { generate::farm(seed) }
}

/// The sets of a farm: none, all, and random ones.
fn sets(seed: u64) -> Vec<Wanted> {
    let mut random = Random::new(!seed);
    let all: Vec<String> = farm(seed).all().into_iter().collect();
    let mut sets = vec![Wanted::new(), all.iter().cloned().collect()];
    for _ in 0..SETS_PER_FARM {
        let most = 1 + random.below(all.len());
        sets.push(random.some_of(all.len(), most).into_iter().map(|at| all[at].clone()).collect());
    }
    sets
}

/// What a reference is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Other {
    /// The tree, built by mwfarm.
    Mwfarm,
    /// A second reference: the machinery itself must see no difference there.
    Reference,
}

/// Proves the theorem for the farms of the first seeds, on all processors.
fn prove_all(farms: u64, other: Other) -> Tally {
    let next = AtomicU64::new(0);
    let total = Mutex::new(Tally::default());
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= farms {
                return;
            }
            let tally = prove(farm(seed), &sets(seed), other);
            let mut total = total.lock().expect("no thread panics while it counts");
            total.proven += tally.proven;
            total.refused += tally.refused;
            let list = if tally.impossible { &mut total.not_installed } else { &mut total.failures };
            list.extend(tally.failures);
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(work);
        }
    });
    total.into_inner().expect("no thread panicked")
}

/// Compares every set of one farm.
pub(super) fn prove(farm: Farm, sets: &[Wanted], other: Other) -> Tally {
    let name = farm.name.clone();
    let mut tally = Tally::default();
    let mut world = match World::new(farm) {
        Ok(world) => world,
        Err(refusal) => {
            // Exit 2: what was drawn cannot be met together, and there is no tree to compare.
            tally.impossible = refusal.code == Some(2);
            tally
                .failures
                .push(format!("{name}: Composer does not install it (exit {:?})\n{}", refusal.code, refusal.text));
            return tally;
        }
    };
    let ids: Vec<String> = (0..sets.len()).map(|index| format!("w{index}")).collect();
    let wikis: Vec<(&str, &Wanted)> = ids.iter().map(String::as_str).zip(sets).collect();
    if other == Other::Mwfarm
        && let Err(message) = try_build(&world, &wikis)
    {
        tally.failures.push(format!("{name}: {message}\nkept in {}", world.keep().display()));
        return tally;
    }
    if other == Other::Mwfarm {
        let different = relink(&world.tree().join("vendor"));
        if !different.is_empty() {
            let different = different.join(", ");
            tally.failures.push(format!("{name}: `set.json` files alone give another {different}"));
        }
    }
    for (index, (id, wanted)) in wikis.into_iter().enumerate() {
        let directory = format!("reference-{id}");
        let reference = match world.reference(wanted, &directory) {
            Ok(reference) => reference,
            Err(refusal) if refusal.code == Some(2) => {
                tally.refused += 1;
                continue;
            }
            Err(refusal) => {
                tally
                    .failures
                    .push(format!("{name}, {wanted:?}: Composer ended with {:?}\n{}", refusal.code, refusal.text));
                world.keep();
                continue;
            }
        };
        let questions = Questions::new(&world.farm, index as u64);
        let expected = observe(&Side::new(reference.clone(), Entry::default()), &questions, 2);
        let side = match other {
            Other::Mwfarm => Side::new(world.tree(), entry(&world.farm, id, wanted, index)),
            Other::Reference => {
                let tree = world.reference(wanted, &format!("second-{id}")).expect("Composer accepts it again");
                Side::new(tree, Entry::default())
            }
        };
        let seen = observe(&side, &questions, 2);
        let found = differences(&expected, &seen);
        tally.proven += 1;
        if found.is_empty() {
            fs::remove_dir_all(reference).expect("the reference is removed");
            continue;
        }
        let mut message = format!(
            "{name}, wiki {id} {wanted:?}: {} differences (Composer's first), kept in {}\n",
            found.len(),
            world.keep().display()
        );
        for line in found.iter().take(12) {
            let _ = writeln!(message, "    {}", line.chars().take(400).collect::<String>());
        }
        tally.failures.push(message);
    }
    tally
}

/// The ways in which programs say which wiki they serve, in turns.
fn entry(farm: &Farm, id: &str, wanted: &Wanted, turn: usize) -> Entry {
    let server = |name: &str, value: String| Entry { server: [(name.to_owned(), value)].into(), ..Entry::default() };
    match turn % 4 {
        0 => Entry::environment("MWFARM_WIKI", id),
        1 => server("HTTP_HOST", format!("{id}.example.org:8080")),
        2 => server("MWFARM_EXTENSIONS", wanted.iter().cloned().collect::<Vec<_>>().join(",")),
        _ => {
            let all: Vec<String> = farm.closure(wanted).into_iter().collect();
            Entry { constants: [("MWFARM_EXTENSIONS".to_owned(), all.join(", "))].into(), ..Entry::default() }
        }
    }
}

/// Builds the tree for these wikis.
fn build(world: &World, wikis: &[(&str, &Wanted)]) {
    try_build(world, wikis).unwrap_or_else(|message| panic!("{}: {message}", world.farm.name));
}

/// Writes the farm file for these wikis and runs the build.
pub(super) fn try_build(world: &World, wikis: &[(&str, &Wanted)]) -> Result<(), String> {
    try_build_with(world, wikis, "", &[])
}

/// The same with more wikis, as YAML, and flags.
fn try_build_with(world: &World, wikis: &[(&str, &Wanted)], more: &str, flags: &[&str]) -> Result<(), String> {
    let mut text = String::from("wikis:\n");
    for (id, wanted) in wikis {
        let of = |prefix: &str| {
            let names = wanted.iter().filter_map(|id| id.strip_prefix(prefix));
            names.map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
        };
        let (extensions, skins) = (of("extensions/"), of("skins/"));
        let _ = writeln!(text, "  {id}: {{ hosts: [{id}.example.org], extensions: [{extensions}], skins: [{skins}] }}");
    }
    text.push_str(more);
    let file = world.directory().join("wikis.yml");
    fs::write(&file, text).expect("the farm file is written");
    let output = Command::new(env!("CARGO_BIN_EXE_mwfarm"))
        .arg("build")
        .arg("-d")
        .arg(world.tree())
        .arg("--wikis")
        .arg(&file)
        .args(flags)
        // What it caches goes with the farm.
        .env("HOME", world.directory())
        .env("XDG_CACHE_HOME", world.directory().join("cache"))
        .output()
        .expect("mwfarm runs");
    if output.status.success() {
        return Ok(());
    }
    Err(format!("`mwfarm build` ended with {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)))
}

/// Takes out of an observation what a list without a bundle may show otherwise: the order of `files` and which file
/// an ambiguous class comes from.
fn forget_order(seen: &mut Value, ambiguous: &[String]) {
    let complete = &mut seen["complete"];
    for list in ["files", "identifiers", "loaded by files"] {
        if let Some(list) = complete.get_mut(list).and_then(Value::as_array_mut) {
            list.sort_by_key(Value::to_string);
        }
    }
    for pointer in ["/found", "/classes", "/loader/class map"] {
        if let Some(classes) = complete.pointer_mut(pointer).and_then(Value::as_object_mut) {
            classes.retain(|class, _| {
                !ambiguous.iter().any(|other| other.eq_ignore_ascii_case(class.trim_start_matches('\\')))
            });
        }
    }
    for prefixes in ["/loader/prefixes psr-0", "/loader/prefixes psr-4"] {
        for (_, directories) in complete.pointer_mut(prefixes).and_then(Value::as_object_mut).into_iter().flatten() {
            directories.as_array_mut().expect("directories are a list").sort_by_key(Value::to_string);
        }
    }
    if let Some(complete) = complete.as_object_mut() {
        // Which of several files defined a function, and which file an ambiguous class loaded.
        complete.shift_remove("functions");
        complete.shift_remove("loaded");
    }
}
