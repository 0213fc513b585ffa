//! Another server for the same wiki: it has nothing but an order, the secrets, and the stores that all servers share.

use std::fs;

use serde_json::{Value, json};

use super::MediaWikis;
use crate::deploy::farm::agent::order;
use crate::deploy::farm::{Farm, Plan, git};

/// Two servers with one database and one cache: what is written at one is read at the other, of the same release.
pub(super) fn another_one_serves_it_too(farm: &Farm, name: &str) {
    let other = Farm::start(&Plan::of("fpm"));
    let options = |farm: &Farm| fs::read_to_string(farm.at("mwfarm.yml")).expect("options");
    let users = |farm: &Farm| {
        let text = options(farm);
        text.lines().find(|line| line.trim_start().starts_with("users: ")).expect("a range").to_owned()
    };
    let text = options(&other)
        .replace(&other.at("core.git").display().to_string(), &farm.at("core.git").display().to_string())
        .replace(&users(&other), &users(farm))
        .replace("  database: sqlite\n", "");
    let stores = format!(
        "  database: {{mariadb: {0}/mariadb.sock}}\n  cache: {{redis: {0}/redis.sock}}\n  config-origin: {0}/srv/deployment/mediawiki/config\n",
        farm.base.display()
    );
    fs::write(other.at("mwfarm.yml"), text + &stores).expect("options");
    let secrets = format!("run/mwfarm/secrets/{}.php", farm.name(name));
    fs::create_dir_all(other.at("run/mwfarm/secrets")).expect("a directory");
    fs::copy(farm.at(&secrets), other.at(&secrets)).expect("secrets");

    let document = |serial: u64| {
        let show = farm.show(name);
        json!({
            "schema": 1, "serial": serial, "action": "ensure", "wiki": show["wiki"], "release": show["release"]["release"],
            "code": show["release"]["code"], "config": show["release"]["config"],
        })
    };
    let told = |document: &Value| -> Value { serde_json::from_str(&order(&other, document).well()).expect("JSON") };
    let first = document(1);
    let said = told(&first);
    assert_eq!((&said["changed"], &said["observed"]["health"]["ok"]), (&json!(true), &json!(true)), "{said}");
    assert_eq!(told(&first)["changed"], false);
    let read = |title: &str| {
        let reply =
            crate::deploy::web::daemons::ask(&other.proxy, &farm.host(name), &format!("/index.php?title={title}"), "");
        reply.expect("an answer of the other server")
    };
    assert!(read("Written").body.contains("Text of a script."), "{:?}", read("Written"));
    farm.maintain(name, "edit", &["--user", "Admin", "Shared"], "Written at the first server.").well();
    let page = read("Shared");
    assert!(page.body.contains("Written at the first server."), "{page:?}");
    assert!(page.head.contains(&format!("MwFarm-Release: {}", farm.release(name).expect("a release"))), "{page:?}");

    // The next release; and the order before it, which is late.
    farm.push_file(name, "REL", "a file");
    farm.deploy(name).well();
    let second = document(2);
    assert_ne!(first["release"], second["release"]);
    assert_eq!(told(&second)["observed"]["release"], second["release"]);
    assert_eq!(told(&first)["superseded_by"], 2);
    assert_eq!(told(&second)["changed"], false);
    assert_eq!(read("Shared").status, 200);
    assert!(
        git(&other.at("srv/deployment/mediawiki/common"), ["for-each-ref"]).contains("refs/deployed/"),
        "it is pinned"
    );
}
