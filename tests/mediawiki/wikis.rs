//! A real farm on the dispatcher: the stock installer, `update.php`, pages, `load.php`, REST, the API, the command
//! line, an unknown host.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use super::tree::Tree;

#[test]
fn a_farm_of_mediawiki_1_39_runs_on_bundles() {
    runs_on_bundles("1.39");
}

#[test]
fn a_farm_of_mediawiki_1_43_runs_on_bundles() {
    runs_on_bundles("1.43");
}

fn runs_on_bundles(version: &str) {
    let tree = Tree::copy(version, None);
    let name = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    // What mediawiki-farm.sh turns on for its first three wikis.
    let cite = name(&["extensions/Cite", "extensions/ParserFunctions", "extensions/TemplateData", "skins/Vector"]);
    let oath = name(&["extensions/OATHAuth", "extensions/Poem", "extensions/CategoryTree", "skins/Vector"]);
    let none = name(&["skins/Vector"]);
    let wikis = tree.write_wikis(&[("one", &cite), ("two", &oath), ("three", &none)]);
    tree.mwfarm(&["build", "--wikis", &wikis]).expect_success();

    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
    let farm = tree.beside("farm");
    let made = Command::new("bash")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/mediawiki-farm.sh"))
        .args([tree.root().as_os_str(), farm.as_os_str()])
        .args([&port.to_string(), "one", "two", "three"])
        // The script's own checks: every entry point of every wiki, answered by the wiki of the host.
        .env("VERIFY", "1")
        .output()
        .expect("the script runs");
    let said = format!("{}{}", String::from_utf8_lossy(&made.stdout), String::from_utf8_lossy(&made.stderr));
    assert!(made.status.success(), "{said}");
    for wiki in ["one", "two", "three"] {
        assert!(said.contains(&format!("{wiki}: MediaWiki {version}")), "{said}");
    }
    let log = fs::read_to_string(farm.join("data/server.log")).expect("the web server's log");
    let complaints: Vec<&str> =
        log.lines().filter(|line| line.contains("PHP ") && !line.ends_with(") started")).collect();
    assert_eq!(complaints, Vec::<&str>::new());
}
