//! What happens between the cases of the product.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use super::farm::{Answer, Farm, Kind, Seen};
use super::{Cache, Mechanism, Mode, Source, wiki, wikis};
use crate::fpm::{Pool, Settings};

fn kind(mode: Mode) -> Kind {
    Kind { mode, source: Source::VersionsFile, delayed: false, registration: true, checks: true }
}

/// Tree, name and loading list of a page.
#[track_caller]
fn page(answer: Answer) -> (String, String, Vec<String>) {
    let Answer::Page(Seen { tree, settings, loads, .. }) = answer else { panic!("no page: {answer:?}") };
    (tree, settings["Sitename"].as_str().expect("a name").to_owned(), loads)
}

/// A pool whose OPcache looks at files once a minute sees what its own request has compiled, and so do those after it.
#[test]
fn changes_are_seen_although_opcache_looks_seldom() {
    for mode in [Mode::Mono, Mode::Multi] {
        let pool = Pool::start(&Settings::new(1).ini("opcache.revalidate_freq", "60"));
        let farm = Farm::new(kind(mode), &wikis());
        farm.build();
        for name in ["First", "Second", "Third"] {
            farm.set_sitename(name, &wikis());
            for _ in 0..2 {
                assert_eq!(page(farm.web(&pool, "reg")).1, name, "{mode:?}");
            }
        }
    }
}

/// A version may be a link to a directory of another name.
#[test]
fn versions_may_be_links() {
    let pool = Pool::start(&Settings::new(1).ini("opcache.revalidate_freq", "0"));
    let farm = Farm::new(kind(Mode::Multi), &wikis());
    fs::rename(farm.path("code/1.40"), farm.path("release-a")).expect("moved");
    symlink("../release-a", farm.path("code/1.40")).expect("a link");
    farm.build();
    let expected = |name: &str| {
        let loads = vec!["wfLoadExtension Both".to_owned(), "wfLoadSkin Plain".to_owned()];
        ("release-a".to_owned(), name.to_owned(), loads)
    };
    assert_eq!(page(farm.web(&pool, "both")), expected("First"));
    farm.set_sitename("Second", &wikis());
    assert_eq!(page(farm.run("show", "both")), expected("Second"));
    farm.set_sitename("Third", &wikis());
    assert_eq!(page(farm.web(&pool, "both")), expected("Third"));
}

/// The environment that only the chosen version knows: whether there is extension registration.
#[test]
fn an_upgrade_brings_extension_registration() {
    let pool = Pool::start(&Settings::new(1).ini("opcache.revalidate_freq", "0"));
    let farm = Farm::new(Kind { delayed: true, registration: false, ..kind(Mode::Multi) }, &wikis());
    farm.write("code/1.50/includes/Registration/ExtensionRegistry.php", "<?php\n");
    farm.build();
    farm.set_version("1.50", &wikis());
    farm.build();
    let fresh = |mechanism| wiki(mechanism, Some(Cache::UpToDate));
    for (mechanism, before, after) in [
        (Mechanism::Composer, None, Some("wfLoadExtension Dep, wfLoadExtension Comp")),
        (Mechanism::Registration, None, Some("wfLoadExtension Reg")),
        (Mechanism::RequireOnce, Some("require_once extensions/Old"), Some("require_once extensions/Old")),
        (Mechanism::Both, Some("require_once extensions/Both"), Some("wfLoadExtension Both")),
    ] {
        let loads =
            |extension: Option<&str>, skin: &str| extension.into_iter().chain([skin]).collect::<Vec<_>>().join(", ");
        let (tree, _, loaded) = page(farm.web(&pool, &fresh(mechanism)));
        assert_eq!((tree.as_str(), loaded.join(", ")), ("1.40", loads(before, "require_once skins/Plain")));
        for answer in [farm.run("update", &fresh(mechanism)), farm.web(&pool, &fresh(mechanism))] {
            let (tree, _, loaded) = page(answer);
            assert_eq!((tree.as_str(), loaded.join(", ")), ("1.50", loads(after, "wfLoadSkin Plain")));
        }
    }
}

/// A process in the tree of a version that its wiki no longer has ends; it does not take the settings of another one.
#[test]
fn a_version_that_changes_on_the_way_is_no_mixture() {
    let pool = Pool::start(&Settings::new(1).ini("opcache.revalidate_freq", "0"));
    let farm = Farm::new(kind(Mode::Multi), &wikis());
    farm.build();
    assert_eq!(page(farm.run("show", "old")).0, "1.40");
    farm.set_version("1.50", &wikis());
    assert_eq!(farm.run("show", "old"), Answer::Ended(1));
    assert_eq!(page(farm.run("show", "old")).0, "1.50");
    farm.set_version("1.40", &wikis());
    assert_eq!(page(farm.web(&pool, "old")).0, "1.40");
}

/// update.php that fails changes nothing, and is not taken for one that succeeded: neither by its wiki nor by the next.
#[test]
fn a_failed_update_leaves_the_version() {
    let pool = Pool::start(&Settings::new(1).ini("opcache.revalidate_freq", "0"));
    for checks in [false, true] {
        let farm = Farm::new(Kind { delayed: true, checks, ..kind(Mode::Multi) }, &wikis());
        farm.build();
        farm.set_version("1.50", &wikis());
        farm.build();
        let update = fs::read_to_string(farm.path("code/1.50/maintenance/update.php")).expect("a file");
        farm.write("code/1.50/maintenance/update.php", "<?php\nfwrite( STDERR, 'no' );\nexit( 3 );\n");
        for _ in 0..2 {
            assert_eq!(farm.run("update", "comp"), Answer::Ended(3));
            assert_eq!(page(farm.web(&pool, "comp")).0, "1.40");
        }
        farm.write("code/1.50/maintenance/update.php", &update);
        assert_eq!(page(farm.run("update", "comp")).0, "1.50");
        assert_eq!(page(farm.web(&pool, "comp")).0, "1.50");
        assert_eq!(page(farm.web(&pool, "both")).0, "1.40");
    }
}

/// A tree that cannot be built, for whatever reason, leaves its wikis as they were, and so it leaves the others.
#[test]
fn a_tree_that_cannot_be_built_takes_no_wiki_away() {
    let pool = Pool::start(&Settings::new(1).ini("opcache.revalidate_freq", "0"));
    for mode in [Mode::Mono, Mode::Multi] {
        let farm = Farm::new(Kind { checks: false, ..kind(mode) }, &wikis());
        farm.build();
        let tree = if mode == Mode::Mono { "mediawiki" } else { "code/1.40" };
        let composer = fs::read_to_string(farm.path(&format!("{tree}/composer.json"))).expect("a file");
        // Its wikis want the same, another one is new.
        farm.write(&format!("{tree}/composer.json"), r#"{ "name": "acme/core", "require": { "acme/none": "^3" } }"#);
        let more = [wikis(), vec!["newcomer".to_owned()]].concat();
        farm.set_version("1.40", &more);
        farm.set_sitename("Second", &more);
        let build = farm.mwfarm(&["build", "--quiet"]);
        assert_eq!(build.status.code(), Some(2), "{}", String::from_utf8_lossy(&build.stderr));
        assert_eq!(page(farm.web(&pool, "both")).1, "First", "{mode:?}");
        assert_eq!(page(farm.run("show", "both")).1, "First", "{mode:?}");
        farm.write(&format!("{tree}/composer.json"), &composer);
        farm.build();
        assert_eq!(page(farm.web(&pool, "both")).1, "Second", "{mode:?}");
    }
}

/// A build while `run update --all` works on its queue: what it has not begun is updated for what is published then.
#[test]
fn a_build_between_two_updates_leaves_no_wiki_behind() {
    let pool = Pool::start(&Settings::new(1).ini("opcache.revalidate_freq", "0"));
    let two = ["first", "second"].map(str::to_owned);
    let farm = Farm::new(Kind { delayed: true, checks: false, ..kind(Mode::Multi) }, &two);
    let copied = Command::new("cp").arg("-r").args([farm.path("code/1.50"), farm.path("code/1.60")]).status();
    assert!(copied.expect("cp runs").success());
    farm.build();
    farm.set_version("1.50", &two);
    farm.build();
    let program =
        format!("{} build --quiet --config-dir {}", env!("CARGO_BIN_EXE_mwfarm"), farm.path("config").display());
    farm.write(
        "code/1.50/maintenance/update.php",
        &format!(
            "<?php\nfile_put_contents( '{}', 'wiki: 1.60' );\nexec( '{program}', $said, $code );\nexit( $code );\n",
            farm.path("config/versions.yml").display()
        ),
    );
    let update = farm.mwfarm(&["run", "update", "--all", "-j", "1"]);
    assert!(update.status.success(), "{}", String::from_utf8_lossy(&update.stderr));
    assert_eq!(page(farm.web(&pool, "first")).0, "1.50");
    assert_eq!(page(farm.web(&pool, "second")).0, "1.60");
}

/// An extension of a tree comes to require what is not there: its wikis say so, the others go on, and an upgrade that
/// waits for that tree takes nothing from the version in use.
#[test]
fn what_a_tree_cannot_have_is_no_missing_wiki() {
    let pool = Pool::start(&Settings::new(1).ini("opcache.revalidate_freq", "0"));
    let farm = Farm::new(Kind { delayed: true, checks: false, ..kind(Mode::Multi) }, &wikis());
    farm.build();
    farm.set_version("1.50", &wikis());
    farm.build();
    let manifest = r#"{ "name": "Reg", "manifest_version": 2, "requires": { "extensions": { "Gone": "*" } } }"#;
    farm.write("code/1.50/extensions/Reg/extension.json", manifest);
    farm.build_in_vain();
    assert_eq!(page(farm.web(&pool, "reg")).0, "1.40");
    assert_eq!(page(farm.run("update", "both")).0, "1.50");
    farm.write("code/1.40/extensions/Reg/extension.json", manifest);
    farm.build_in_vain();
    assert_eq!(farm.web(&pool, "reg"), Answer::Unavailable);
    assert_eq!(page(farm.web(&pool, "comp")).0, "1.40");
    assert_eq!(page(farm.web(&pool, "both")).0, "1.50");
}

/// Delays that end and begin again: the version in use is the one that the wiki had last, not the one of the first time.
#[test]
fn delays_that_begin_again_know_the_version_in_between() {
    let pool = Pool::start(&Settings::new(1).ini("opcache.revalidate_freq", "0"));
    let farm = Farm::new(Kind { delayed: true, checks: false, ..kind(Mode::Multi) }, &wikis());
    let delayed = fs::read_to_string(farm.path("config/farms.yml")).expect("a file");
    farm.build();
    farm.write("config/farms.yml", &delayed.replace("  deployments: deployments\n", ""));
    farm.set_version("1.50", &wikis());
    farm.build();
    assert_eq!(page(farm.web(&pool, "both")).0, "1.50");
    farm.write("config/farms.yml", &delayed);
    farm.build();
    assert_eq!(page(farm.web(&pool, "both")).0, "1.50");
}

/// Settings that somebody has cut are written again: half of them would be those of a wiki without its restrictions.
#[test]
fn settings_that_were_cut_are_written_again() {
    let pool = Pool::start(&Settings::new(1).ini("opcache.revalidate_freq", "0"));
    let farm = Farm::new(Kind { checks: false, ..kind(Mode::Multi) }, &wikis());
    farm.build();
    for file in fs::read_dir(farm.path("output/settings")).expect("settings") {
        fs::write(file.expect("a file").path(), "<?php\n").expect("cut");
    }
    assert_eq!(farm.mwfarm(&["build", "--quiet", "--locked"]).status.code(), Some(6));
    farm.build();
    assert_eq!(page(farm.web(&pool, "both")).1, "First");
}

/// Without `tree`, the tree is that of `-d`, wherever a request comes from; and a build elsewhere changes nothing.
#[test]
fn requests_compile_the_tree_that_was_built() {
    let farm = Farm::new(kind(Mode::Mono), &wikis());
    let options = fs::read_to_string(farm.path("config/mwfarm.yml")).expect("a file");
    farm.write("config/mwfarm.yml", &options.replace("tree: ../mediawiki\n", ""));
    let tree = farm.path("mediawiki").display().to_string();
    assert!(farm.mwfarm(&["build", "--quiet", "-d", &tree]).status.success());
    let show = || {
        let mut show = Command::new("php");
        show.arg(farm.path("mediawiki/maintenance/show.php")).arg("--wiki=both-wiki").current_dir("/");
        String::from_utf8(show.output().expect("PHP runs").stdout).expect("UTF-8")
    };
    for name in ["Second", "Third"] {
        farm.set_sitename(name, &wikis());
        assert!(show().contains(&format!(r#""Sitename":"{name}""#)), "{}", show());
        let manifest = fs::read(farm.path("output/mwfarm.json")).expect("a manifest");
        assert_eq!(farm.mwfarm(&["build", "--quiet", "-d", "/"]).status.code(), Some(1));
        assert_eq!(fs::read(farm.path("output/mwfarm.json")).expect("a manifest"), manifest);
    }
}

/// Settings that are the same under the version in use and under the one that is asked for are one file.
#[test]
fn two_versions_may_have_the_same_settings() {
    let pool = Pool::start(&Settings::new(1).ini("opcache.revalidate_freq", "0"));
    let farm = Farm::new(Kind { delayed: true, checks: false, ..kind(Mode::Multi) }, &wikis());
    let main = fs::read_to_string(farm.path("config/farms.yml")).expect("a file");
    farm.write("config/farms.yml", &main.replace("    - { file: last.php, executable: true }\n", ""));
    farm.write("config/defaults.yml", "wgSitename: Default\n");
    farm.build();
    farm.set_version("1.50", &wikis());
    farm.write("config/wikis.yml", "wgSitename: { default: Second }\n");
    farm.build();
    assert_eq!(page(farm.web(&pool, "both")), ("1.40".to_owned(), "Second".to_owned(), vec![]));
    assert_eq!(page(farm.run("update", "both")).0, "1.50");
    assert_eq!(page(farm.web(&pool, "both")), ("1.50".to_owned(), "Second".to_owned(), vec![]));
}

/// Hosts that cannot be enumerated are those of their own farm's wikis, whatever names the patterns make.
#[test]
fn a_pattern_leads_to_no_wiki_of_another_farm() {
    let pool = Pool::start(&Settings::new(1).ini("opcache.revalidate_freq", "0"));
    let farm = Farm::new(Kind { checks: false, ..kind(Mode::Multi) }, &["secret".to_owned()]);
    let main = fs::read_to_string(farm.path("config/farms.yml")).expect("a file");
    let open = "open:\n  server: '(?<name>[a-z]+)\\.open[0-9]+\\.org'\n  suffix: wiki\n  wikiID: $name-wiki\n  \
                versions: open.yml\n  config: []\n";
    farm.write("config/farms.yml", &format!("{open}{main}"));
    farm.write("config/open.yml", "open-wiki: '1.40'\n");
    farm.build();
    let index = farm.path("output/www/index.php");
    for (host, status) in [("secret.example.org", 200), ("open.open1.org", 200), ("secret.open1.org", 404)] {
        assert_eq!(pool.get(&index, &[("HTTP_HOST", host)]).status, status, "{host}");
    }
}

/// Two versions may be one directory: a release, and a link that some wikis follow.
#[test]
fn two_versions_may_be_one_directory() {
    let pool = Pool::start(&Settings::new(1).ini("opcache.revalidate_freq", "0"));
    let two = ["first", "second"].map(str::to_owned);
    let source = Source::Variables;
    let farm = Farm::new(Kind { source, delayed: true, checks: false, ..kind(Mode::Multi) }, &two);
    symlink("1.40", farm.path("code/stable")).expect("a link");
    farm.write("config/list.yml", "first: '1.40'\nsecond: stable\n");
    farm.build();
    let trees = |expected: [&str; 2]| {
        let found = ["first", "second"].map(|wiki| page(farm.web(&pool, wiki)).0);
        assert_eq!(found, expected);
    };
    trees(["1.40", "1.40"]);
    assert_eq!(farm.mwfarm(&["build", "--quiet", "--locked"]).status.code(), Some(0));
    // From one name to the other.
    farm.write("config/list.yml", "first: stable\nsecond: stable\n");
    farm.build();
    trees(["1.40", "1.40"]);
    assert_eq!(page(farm.run("update", "first")).0, "1.40");
    farm.build();
    fs::remove_file(farm.path("code/stable")).expect("removed");
    symlink("1.50", farm.path("code/stable")).expect("a link");
    farm.build();
    trees(["1.50", "1.50"]);
}

/// Where the configuration lies is no difference, and a wiki that stays as it was is not removed.
#[test]
fn a_diff_tells_of_wikis_and_not_of_places() {
    let farm = Farm::new(Kind { checks: false, ..kind(Mode::Multi) }, &wikis());
    farm.build();
    let diff = |more: &[&str]| {
        let mut diff = Command::new(env!("CARGO_BIN_EXE_mwfarm"));
        diff.env("MWFARM_CACHE_DIR", "/dev/null");
        let output = diff.args(["config", "diff", "--config-dir"]).arg(farm.path("config")).args(more).output();
        let output = output.expect("mwfarm runs");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    fs::create_dir(farm.path("elsewhere")).expect("a directory");
    let copied = Command::new("cp").arg("-r").args([farm.path("config"), farm.path("elsewhere/config")]).status();
    assert!(copied.expect("cp runs").success());
    let options = fs::read_to_string(farm.path("config/mwfarm.yml")).expect("a file");
    farm.write("elsewhere/config/mwfarm.yml", &options.replace("code: ../code", "code: ../../code"));
    let elsewhere = farm.path("elsewhere/config").display().to_string();
    assert!(diff(&["--from", &elsewhere]).starts_with("0 changes of "));
    farm.write("config/wikis.yml", "wgSitename: [\n");
    assert!(diff(&[]).starts_with("0 changes of "));
}
