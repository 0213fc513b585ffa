//! The farm's settings around those of a wiki, and the list of wikis that they are compiled for.

use std::fs;

use super::MediaWikis;
use super::core::mediawiki_39;
use crate::deploy::farm::{Farm, Plan};

const FILES: &[(&str, &str)] = &[
    (
        "farms.yml",
        "demo:\n  server: '(?<wiki>[a-z0-9-]+)\\.wiki\\.test'\n  variables: [ { variable: wiki, file: wikis.yml } ]\n  \
         suffix: demo\n  wikiID: $wikidemo\n  config:\n    - { file: defaults.yml, key: default }\n    \
         - { file: late.php, executable: true }\n",
    ),
    (
        "defaults.yml",
        "wgUseSkinVector: true\nwgUseExtensionAbuseFilter: true\nwgUseExtensionCite: true\nwgSitename: Of the farm\n\
         wgMetaNamespace: Farm\nwgRightsText: Written by the farm\n",
    ),
    ("late.php", "<?php\n$wgRightsText .= ' at ' . $wgMediaWikiFarm->getVariable( '$CODE' );\n"),
];

#[test]
fn the_farms_settings_wrap_the_wikis_own() {
    let farm = Farm::start(&Plan::of_core("fpm", mediawiki_39(), &["database: sqlite", "list: wikis.yml"]));
    for (file, text) in FILES {
        fs::write(farm.at(file), text).expect("a file");
    }
    // A list that somebody wrote stays theirs.
    fs::write(farm.at("wikis.yml"), "- mine\n").expect("a file");
    let said = farm.mwfarm(["wiki", "create", &farm.name("a")]).badly(5, "was not made by mwfarm");
    assert!(said.contains("deploy.list"), "{said}");
    assert_eq!(fs::read_to_string(farm.at("wikis.yml")).expect("a file"), "- mine\n");
    fs::remove_file(farm.at("wikis.yml")).expect("a file");

    farm.create("a");
    let list = fs::read_to_string(farm.at("wikis.yml")).expect("a list");
    assert_eq!(list.lines().skip(1).collect::<Vec<_>>(), [format!("- '{}'", farm.name("a"))]);
    let general = farm.browser("a").api(&[("action", "query"), ("meta", "siteinfo"), ("siprop", "general|rightsinfo")]);
    assert_eq!(general["query"]["general"]["sitename"], "Of the farm");
    let tree = farm.at("srv/deployment/releases").join(farm.name("a")).join(farm.release("a").expect("a release"));
    let text = format!("Written by the farm at {}", tree.display());
    assert_eq!(general["query"]["rightsinfo"]["text"], text.as_str());
    let compiled = fs::read_to_string(tree.join(".mwfarm/farm.php")).expect("settings");
    assert!(compiled.contains("wfLoadExtension( 'AbuseFilter' );") && !compiled.contains(".tmp"), "{compiled}");
    assert_eq!(
        farm.show("a")["release"]["extensions"],
        serde_json::json!(["extensions/AbuseFilter", "extensions/Cite", "skins/Vector"])
    );
    let extensions = farm.extensions("a");
    for name in ["Abuse Filter", "Cite", "Vector"] {
        assert!(extensions.contains(&name.to_owned()), "{extensions:?}");
    }
    assert!(!extensions.contains(&"OATHAuth".to_owned()), "{extensions:?}");
    let code = "echo json_encode( array_map( 'class_exists', [ 'Wikimedia\\\\Equivset\\\\Equivset', 'jakobo\\\\HOTP\\\\HOTP' ] ) );\n";
    assert_eq!(farm.maintain("a", "eval", &[], code).well().trim(), "[true,false]");

    // The wiki's own file has the last word, but not on where its pages are.
    farm.configure_wiki("a", "<?php\n$wgSitename = 'Of the wiki';\n$wgDBname = 'another';\n");
    farm.deploy("a").well();
    let general = farm.browser("a").api(&[("action", "query"), ("meta", "siteinfo"), ("siprop", "general|rightsinfo")]);
    assert_eq!(general["query"]["general"]["sitename"], "Of the wiki");
    assert!(farm.view("a", "Main_Page").body.contains("mw-content-text"));

    // The farm's own mistakes are refused with their place.
    fs::write(farm.at("defaults.yml"), "wgSitename: [\n").expect("a file");
    farm.configure_wiki("a", "<?php\n$wgSitename = 'Another';\n");
    let release = farm.release("a");
    let said = farm.deploy("a");
    assert_ne!(said.code, 0, "{said:?}");
    assert!(said.err.contains("defaults.yml:"), "{said:?}");
    assert_eq!(farm.release("a"), release);

    let name = farm.name("a");
    farm.mwfarm(["wiki", "delete", &name, "--yes-i-mean", &name]).well();
    let list = fs::read_to_string(farm.at("wikis.yml")).expect("a list");
    assert_eq!(list.lines().skip(1).collect::<Vec<_>>(), ["[]"]);
}
