//! One wiki or one farm is broken: the others are compiled, and it stays as it was.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::{Farm, MAIN, Put, php};

/// What a request for a host gets, in a tree without versions: the name of its wiki.
#[track_caller]
fn sitename(farm: &Farm, host: &str) -> String {
    let program = farm.path("ask.php");
    let code = "<?php\n$_SERVER['HTTP_HOST'] = $argv[1];\n$wgInvalidateCacheOnLocalSettingsChange = false;\n\
                define( 'MW_INSTALL_PATH', __DIR__ . '/tree' );\nrequire __DIR__ . '/tree/vendor/autoload.php';\n\
                require __DIR__ . '/out/LocalSettings.php';\necho $wgSitename;\n";
    fs::write(&program, code).expect("written");
    let said = php(&[&program, Path::new(host)]);
    fs::remove_file(program).expect("removed");
    said
}

#[test]
fn a_broken_wiki_stays_as_it_was_and_the_others_are_compiled() {
    let farm = Farm::compiled();
    assert_eq!([sitename(&farm, "alpha.example.org"), sitename(&farm, "beta.example.org")], ["First", "Good"]);
    farm.put("farms.yml", &MAIN.replace("'*'}", "'*'}\n  - {file: $wiki.yml, key: $WIKIID}").into());
    farm.write("etc/settings.yml", "wgSitename: {default: Other}\n");
    farm.write("etc/beta.yml", "wgX: 1\n");
    for broken in ["wgX'; touch(1): 1\n", "wgX: [\n", "wgX: 1\nwgX: 2\n", "- 1\n", "wgX: &a [*a]\n", "+wgX: 1\n"] {
        farm.put("alpha.yml", &Put::from(broken));
        let ran = farm.run(&["config", "compile"]);
        assert_eq!(ran.code, Some(5), "{}", ran.err);
        assert!(ran.err.contains("error: alpha.yml:"), "{}", ran.err);
        assert_eq!([sitename(&farm, "alpha.example.org"), sitename(&farm, "beta.example.org")], ["First", "Other"]);
        Farm::lint(&farm.settings("alphawiki"));
    }
    // It is checked, too; and the exit code says so.
    let check = farm.run(&["config", "check"]);
    assert_eq!(check.code, Some(5), "{}", check.err);
    // What has never been there does not come to be.
    farm.write("etc/wikis.dblist", "alpha\nbeta\ngamma\n");
    farm.write("etc/gamma.yml", "wgX: [\n");
    assert_eq!(farm.run(&["config", "compile"]).code, Some(5));
    assert!(!farm.path("out/LocalSettings/gammawiki.php").exists());
    // Mended, it is as it should be.
    farm.write("etc/alpha.yml", "wgX: 1\n");
    farm.write("etc/gamma.yml", "wgX: 1\n");
    let ran = farm.run(&["config", "compile"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    assert_eq!(sitename(&farm, "alpha.example.org"), "Other");
    assert_eq!(farm.evaluated("gammawiki", &json!({"wgSitename": "Other", "wgX": 1})), "same");
}

#[test]
fn a_broken_main_file_changes_nothing() {
    let farm = Farm::compiled();
    let before = farm.published();
    let settings = "wgSitename: {default: Other}\n";
    for main in [
        "",
        "farm: [\n",
        "- farm\n",
        "farm: &a {server: *a}\n",
        "farm\n",
        "farm: {}\nfarm: {}\n",
        "\u{0}",
        "farm: !php/object x\n",
    ] {
        farm.put("farms.yml", &Put::from(main));
        farm.write("etc/settings.yml", settings);
        let ran = farm.run(&["config", "compile"]);
        assert_eq!(ran.code, Some(5), "{main}: {}", ran.err);
        assert!(ran.err.contains("error: farms.yml"), "{main}: {}", ran.err);
        assert!(farm.published() == before, "{main}: something has changed");
    }
    for put in [Put::Absent, Put::Pipe, Put::Directory, Put::Hole(60 << 20), Put::Link("../beside/secret.yml")] {
        farm.reset();
        farm.put("farms.yml", &put);
        farm.write("etc/settings.yml", settings);
        let ran = farm.run(&["config", "compile"]);
        assert_eq!(ran.code, Some(5), "{put:?}: {}", ran.err);
        assert!(farm.published() == before, "{put:?}: something has changed");
    }
    assert_eq!(sitename(&farm, "alpha.example.org"), "First");
}

/// A list that cannot be read hides the wikis in it: they stay.
#[test]
fn a_broken_list_drops_no_wiki() {
    let farm = Farm::compiled();
    for list in ["alpha\nBeta\n", "alpha\nbe..ta\n", "al\u{0}pha\n"] {
        farm.write("etc/wikis.dblist", list);
        farm.put("farms.yml", &MAIN.replace("[a-z0-9-]+", "[a-z0-9.-]+").into());
        let ran = farm.run(&["config", "compile"]);
        assert_eq!(ran.code, Some(5), "{list}: {}", ran.err);
        assert_eq!([sitename(&farm, "alpha.example.org"), sitename(&farm, "beta.example.org")], ["First", "Good"]);
    }
    farm.write("etc/wikis.dblist", "alpha\n");
    assert_eq!(farm.run(&["config", "compile"]).code, Some(0));
    assert!(!farm.path("out/LocalSettings/betawiki.php").exists());
}

/// A tag may be what keeps a wiki closed: without it, nothing is compiled.
#[test]
fn a_broken_tag_compiles_no_wiki_without_it() {
    let farm = Farm::new();
    farm.put("farms.yml", &MAIN.replace("small: [alphawiki]", "betawiki: [alphawiki]").into());
    let ran = farm.run(&["config", "compile"]);
    assert_eq!(ran.code, Some(5), "{}", ran.err);
    assert!(!farm.path("out/LocalSettings/alphawiki.php").exists());
}
