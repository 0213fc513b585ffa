//! Servers that are dead, or refuse what they are told.

use std::fs;

use super::super::sound::sound;
use super::super::{Farm, Plan, core};

/// A farm with a wiki `a` of version 1, and all daemons.
fn farm() -> Farm {
    let farm = Farm::with_core(&Plan::with_stores("fpm"), &core::with_stores("1"));
    farm.create("a");
    farm
}

fn says(farm: &Farm, wiki: &str, version: &str) {
    let page = farm.page(wiki);
    assert!(page.starts_with(&format!("index {version} page {version} ")), "{page}");
}

/// All is as if nothing had been.
#[track_caller]
fn is_mended(farm: &Farm) {
    farm.mwfarm(["watch", "reconcile"]).well();
    let again = farm.mwfarm(["watch", "reconcile"]).well();
    // The branch of one that was deleted stays.
    let told: Vec<&str> = again.lines().filter(|line| !line.contains("has no wiki")).collect();
    assert!(told.is_empty() || told == ["nothing differs"], "{again}");
    sound(farm);
}

fn broken(farm: &Farm, wiki: &str) -> String {
    farm.show(wiki)["wiki"]["broken"]["step"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_dead_redis_is_told_and_made_good() {
    let mut farm = farm();
    farm.kill_server("redis");
    let told = "Redis does not answer at";
    let socket = farm.at("redis.sock").display().to_string();
    // A new wiki is not finished.
    let said = farm.mwfarm(["wiki", "create", &farm.name("b")]).badly(1, told);
    assert!(said.contains(&socket) && said.contains("aclfile"), "{said}");
    assert_eq!((broken(&farm, "b").as_str(), farm.get("b", "/index.php").status), ("cache", 404));
    let status = farm.mwfarm(["status"]).well();
    assert!(status.contains("cache failed: ") && status.contains(told), "{status}");
    // Code that needs it does not answer, and is not switched to; one that does without is deployed.
    let before = farm.release("a");
    farm.push("a", &core::with_stores("2"));
    farm.deploy("a").badly(1, "nothing was switched");
    assert_eq!(farm.release("a"), before);
    farm.push("a", &core::files("3"));
    farm.deploy("a").well();
    says(&farm, "a", "3");
    // Nothing is forgotten of what has to be told to it.
    farm.mwfarm(["wiki", "archive", &farm.name("a")]).badly(1, told);
    assert_eq!(farm.get("a", "/index.php").status, 404);
    farm.mwfarm(["wiki", "restore", &farm.name("a")]).badly(1, told);
    farm.mwfarm(["watch", "reconcile"]).badly(1, told);
    farm.server("redis");
    farm.mwfarm(["watch", "reconcile"]).well();
    farm.mwfarm(["wiki", "restore", &farm.name("a")]).well();
    is_mended(&farm);
    says(&farm, "a", "3");
    says(&farm, "b", "1");
    // While one is being deleted.
    farm.kill_server("redis");
    let name = farm.name("b");
    farm.mwfarm(["wiki", "delete", &name, "--yes-i-mean", &name]).badly(1, told);
    assert_eq!((broken(&farm, "b").as_str(), farm.get("b", "/index.php").status), ("cache", 404));
    farm.server("redis");
    is_mended(&farm);
    assert_eq!(farm.left_of("b"), Vec::<String>::new());
}

#[test]
fn a_dead_mariadb_is_told_and_made_good() {
    let mut farm = farm();
    farm.kill_server("mariadb");
    let told = "`mariadb` failed with exit code 1";
    let said = farm.mwfarm(["wiki", "create", &farm.name("b")]).badly(1, told);
    assert!(said.contains("see that MariaDB answers at"), "{said}");
    assert_eq!((broken(&farm, "b").as_str(), farm.get("b", "/index.php").status), ("database", 404));
    // Its schema cannot be looked at: a deploy ends before anything is switched, also when a push asks for it.
    let before = farm.release("a");
    farm.push("a", &core::with_stores("2"));
    let said = farm.deploy("a");
    assert!(said.code == 1 && said.err.contains("see that MariaDB answers at"), "{said:?}");
    assert!(said.err.contains("the schema of") && said.err.lines().count() < 6, "{said:?}");
    assert_eq!(farm.release("a"), before);
    let said = farm.mwfarm(["watch", "worker", "--once"]).well();
    assert!(said.contains("0 deployed"), "{said}");
    farm.mwfarm(["watch", "reconcile"]).badly(1, told);
    let name = farm.name("b");
    farm.mwfarm(["wiki", "delete", &name, "--yes-i-mean", &name]).badly(1, told);
    assert_eq!(broken(&farm, "b"), "database");
    farm.server("mariadb");
    is_mended(&farm);
    assert_eq!(farm.left_of("b"), Vec::<String>::new());
    says(&farm, "a", "2");
    assert!(farm.show("a")["wiki"]["broken"].is_null());
}

/// A daemon's own configuration becomes wrong, as by an operator's slip: nothing new gets in, all that is served goes on.
#[test]
fn configuration_that_a_daemon_refuses_is_told_and_taken_back() {
    let farm = farm();
    for (daemon, file, slip, told) in [
        ("nginx", "nginx.conf", "\nbogus_directive on;\n", "nginx refuses its configuration"),
        ("fpm", "php-fpm.conf", "\n[bogus]\nlisten = /nonexistent/bogus\n", "PHP-FPM refuses its configuration"),
    ] {
        let good = fs::read_to_string(farm.at(file)).expect("configuration");
        let before = farm.listing("etc");
        fs::write(farm.at(file), format!("{good}{slip}")).expect("configuration");
        let new = format!("b{daemon}");
        let said = farm.mwfarm(["wiki", "create", &farm.name(&new)]).badly(1, told);
        assert!(said.contains("bogus") && said.contains("what was there before was put back"), "{said}");
        assert_eq!(farm.get(&new, "/index.php").status, 404);
        // But for the user of Redis, which was told before.
        assert_eq!(farm.listing("etc"), before);
        // What needs nothing new of the daemons goes on.
        let version = if daemon == "nginx" { "2" } else { "3" };
        farm.push("a", &core::with_stores(version));
        farm.deploy("a").well();
        says(&farm, "a", version);
        farm.mwfarm(["wiki", "archive", &farm.name("a")]).badly(1, told);
        farm.mwfarm(["watch", "reconcile"]).badly(1, told);
        fs::write(farm.at(file), good).expect("configuration");
        is_mended(&farm);
        assert!(farm.page(&new).starts_with("index 1 page 1 "));
        assert_eq!(farm.show("a")["wiki"]["state"], "archived");
        farm.mwfarm(["wiki", "restore", &farm.name("a")]).well();
        says(&farm, "a", version);
        is_mended(&farm);
    }
}

/// As after a loss of power: all daemons at once, and what is in memory.
#[test]
fn all_daemons_die_in_the_middle_of_a_deploy_and_come_back() {
    let mut farm = farm();
    let words = ["deploy".to_owned(), farm.name("a")];
    for (version, call, number) in [("2", "rename", 3), ("3", "symlink", 2), ("4", "fsync", 6)] {
        farm.push("a", &core::with_stores(version));
        let said = super::super::trace::killed_at(call, number, &farm, &words);
        assert_eq!(said.code, -9, "{said:?}");
        for server in ["redis", "mariadb"] {
            farm.kill_server(server);
        }
        for daemon in ["nginx", "fpm"] {
            farm.stop(daemon);
            let _ = fs::remove_file(farm.at(&format!("pid/{daemon}.pid")));
        }
        fs::remove_dir_all(farm.at("run")).expect("what is in memory");
        farm.mwfarm(["watch", "reconcile", "--boot"]).well();
        for server in ["redis", "mariadb"] {
            farm.server(server);
        }
        for daemon in ["fpm", "nginx"] {
            farm.daemon(daemon);
        }
        is_mended(&farm);
        says(&farm, "a", version);
    }
}
