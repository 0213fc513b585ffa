//! Wikis of nginx with PHP-FPM and of Apache with mpm-itk, `MariaDB` and Redis, as docs/deploy.md sets them up.

use std::fs;
use std::path::Path;

use mwfarm::deploy::name::Name;

use super::core::mediawiki_39;
use super::{MediaWikis, life, servers, stream};
use crate::deploy::farm::{Farm, Plan};
use crate::deploy::servers::{mariadb_says, redis_says};
use crate::deploy::web::daemons::chmod;
use crate::farm::composer;

const STORES: &[&str] = &["database: {mariadb: ROOT/mariadb.sock}", "cache: {redis: ROOT/redis.sock}"];

#[test]
fn wikis_live_with_fpm_and_with_itk_mariadb_and_redis() {
    let farm = Farm::start(&Plan::of_core("both", mediawiki_39(), STORES));
    make(&farm);
    for name in ["a", "b", "c"] {
        is_served(&farm, name);
    }
    pages_are_written(&farm);
    stream::is_followed(&farm, "b");
    pushes_are_served(&farm);
    configuration_is_served(&farm, "a");
    for name in ["a", "b", "c"] {
        assert_eq!(farm.faults(name), [""; 0], "{name}");
    }
    caches_are_apart(&farm);
    broken_code_is_not_served(&farm, "a", &["api.php", "index.php"]);
    broken_code_is_not_served(&farm, "b", &["index.php"]);
    for name in ["a", "b"] {
        broken_configuration_is_not_served(&farm, name);
        reverts(&farm, name);
        scripts_run(&farm, name);
    }
    members_only(&farm, "c");
    caches_are_apart(&farm);
    wikis_are_apart(&farm, "a", "b");
    wikis_are_apart(&farm, "b", "a");
    life::lives(&farm);
    for name in ["a", "b"] {
        archives(&farm, name);
    }
    servers::another_one_serves_it_too(&farm, "a");
    deletes(&farm);
}

/// Three wikis: one with an owner, one of Apache for a time.
fn make(farm: &Farm) {
    farm.mwfarm(["wiki", "create", &farm.name("a"), "--owner", "daemon"]).well();
    farm.mwfarm(["wiki", "create", &farm.name("b"), "--ttl", "30d", "--web", "itk"]).well();
    life::is_made_without_a_word(farm, "c");
    assert_eq!(farm.show("a")["wiki"]["owners"], serde_json::json!(["daemon"]));
    assert!(farm.show("b")["wiki"]["expires"].is_u64());
    assert_eq!(
        [farm.show("a")["served_by"].as_str(), farm.show("b")["served_by"].as_str()],
        [Some("fpm"), Some("itk")]
    );
    let groups = std::process::Command::new("id").args(["-nG", "daemon"]).output().expect("id");
    let groups = String::from_utf8_lossy(&groups.stdout).into_owned();
    assert!(groups.split_whitespace().any(|group| group == format!("wiki-{}", farm.name("a"))), "{groups}");
}

fn is_served(farm: &Farm, name: &str) {
    let site = farm.name(name);
    let page = farm.view(name, "Main_Page");
    assert!(page.body.contains(&format!("<title>{site}</title>")), "{page:?}");
    assert!(page.body.contains(" skin-vector "), "{page:?}");
    assert!(page.head.contains(&format!("MwFarm-Release: {}", farm.release(name).expect("a release"))), "{page:?}");
    let same = farm.get(name, "/wiki/Main_Page");
    assert!(same.status == 200 && same.body.contains("mw-content-text"), "{same:?}");
    let general = farm.browser(name).api(&[("action", "query"), ("meta", "siteinfo")]);
    assert_eq!(general["query"]["general"]["sitename"], site.as_str());
    assert_eq!(general["query"]["general"]["dbtype"], "mysql");
    let script = farm.get(name, "/load.php?modules=startup&only=scripts&raw=1");
    assert!(script.status == 200 && script.body.contains("mw.loader"), "{script:?}");
    let style = farm.get(name, "/load.php?modules=skins.vector.styles.legacy&only=styles");
    assert!(style.status == 200 && style.body.contains("vector"), "{style:?}");
    let rest = farm.get(name, "/rest.php/v1/page/Main_Page");
    assert!(rest.status == 200 && rest.body.contains("\"title\":\"Main Page\""), "{rest:?}");
    let file = farm.get(name, "/resources/assets/licenses/cc-0.png");
    assert!(file.status == 200 && file.body.contains("PNG"), "{file:?}");
    // What is uploaded is a file.
    let images = farm.at(&format!("data/project/{site}/images"));
    for (file, text) in [("run.php", "<?php echo 6 * 7;"), ("text.txt", "a text")] {
        fs::write(images.join(file), text).expect("an upload");
        chmod(&images.join(file), 0o644);
    }
    assert_eq!(farm.get(name, "/images/text.txt").body, "a text");
    let run = farm.get(name, "/images/run.php");
    assert!([403, 404].contains(&run.status) && !run.body.contains("42"), "{run:?}");
    let run = farm.get(name, "/images/run.php/index.php");
    assert!([403, 404].contains(&run.status) && !run.body.contains("42"), "{run:?}");
    for path in ["/LocalSettings.php", "/.mwfarm/settings.php", "/maintenance/update.php", "/vendor/autoload.php"] {
        let reply = farm.get(name, path);
        assert!([403, 404].contains(&reply.status), "{path}: {reply:?}");
    }
}

/// By a script, and by somebody who is logged in.
fn pages_are_written(farm: &Farm) {
    farm.maintain("a", "edit", &["--user", "Admin", "Written"], "Text of a script.").well();
    assert!(farm.view("a", "Written").body.contains("Text of a script."));
    let password = farm.secrets("b").admin_password;
    let mut admin = farm.browser("b");
    admin.log_in("Admin", &password);
    admin.edit("Written", "Text of a person.");
    assert!(farm.view("b", "Written").body.contains("Text of a person."));
    assert!(farm.view("a", "Written").body.contains("Text of a script."));
    assert_eq!(farm.get("c", "/index.php?title=Written").status, 404);
    // Whoever is somebody there is nobody here.
    let admin = admin.at(farm.host("a")).api(&[("action", "query"), ("meta", "userinfo")]);
    assert!(admin["query"]["userinfo"]["anon"] == true, "{admin}");
    farm.maintain("b", "runJobs", &[], "").well();
}

/// A push is queued by the hook, and deployed by the worker.
fn pushes_are_served(farm: &Farm) {
    // The worker makes the queue; in real life it runs.
    farm.mwfarm(["watch", "worker", "--once", "--reconcile", "0"]).well();
    let hooks = farm.at("core.git/hooks");
    for hook in ["pre-receive", "post-receive"] {
        let program = env!("CARGO_BIN_EXE_mwfarm");
        let script = format!("#!/bin/sh\nexec {program} watch hook {hook} --config-dir {}\n", farm.base.display());
        fs::write(hooks.join(hook), script).expect("a hook");
        chmod(&hooks.join(hook), 0o755);
    }
    let before = farm.view("a", "Special:RecentChanges");
    assert!(
        before.body.contains("<h1 id=\"firstHeading\" class=\"firstHeading mw-first-heading\">Recent changes"),
        "{before:?}"
    );
    let texts = composer::trees().join("1.39/languages/i18n/en.json");
    let texts = fs::read_to_string(texts)
        .expect("texts")
        .replace("\"recentchanges\": \"Recent changes\"", "\"recentchanges\": \"What is new\"");
    let commit = farm.push_file("a", "languages/i18n/en.json", &texts);
    assert!(farm.view("a", "Special:RecentChanges").body.contains(">Recent changes"), "nothing is deployed yet");
    farm.mwfarm(["watch", "worker", "--once", "--reconcile", "0"]).well();
    assert_eq!(farm.show("a")["release"]["code"], commit.as_str());
    assert!(
        farm.view("a", "Special:RecentChanges").body.contains(">What is new"),
        "{}",
        farm.view("a", "Special:RecentChanges").body
    );
    assert!(farm.view("b", "Special:RecentChanges").body.contains(">Recent changes"), "the other wikis have theirs");
}

fn configuration_is_served(farm: &Farm, name: &str) {
    farm.configure_wiki(
        name,
        "<?php\nwfLoadSkin( 'Vector' );\nwfLoadExtension( 'Cite' );\n$wgSitename = 'Configured';",
    );
    assert!(!farm.view(name, "Main_Page").body.contains("Configured"), "nothing is deployed yet");
    farm.deploy(name).well();
    assert!(farm.view(name, "Main_Page").body.contains("<title>Configured</title>"));
    let answer = farm.browser(name).api(&[("action", "query"), ("meta", "siteinfo"), ("siprop", "extensions")]);
    assert!(answer.to_string().contains("\"name\":\"Cite\""), "{answer}");
    let answer = farm.browser("c").api(&[("action", "query"), ("meta", "siteinfo"), ("siprop", "extensions")]);
    assert!(!answer.to_string().contains("\"name\":\"Cite\""), "{answer}");
}

/// All keys are below the wikis' prefixes, and nothing that MediaWiki asks for is refused.
fn caches_are_apart(farm: &Farm) {
    assert_eq!(redis_says(&farm.base, "ACL LOG"), [""; 0]);
    let keys = redis_says(&farm.base, "KEYS *");
    for name in ["a", "b", "c"] {
        let prefix = format!("{}:", farm.secrets(name).cache_prefix);
        assert!(keys.iter().filter(|key| key.starts_with(&prefix)).count() > 10, "{keys:?}");
    }
    let prefixes = ["a", "b", "c"].map(|name| farm.secrets(name).cache_prefix);
    let strange: Vec<_> = keys.iter().filter(|key| !prefixes.iter().any(|prefix| key.starts_with(prefix))).collect();
    assert_eq!(strange, [""; 0]);
}

/// A wiki that only members read: nobody is told anything of it, and it can be deployed all the same.
fn members_only(farm: &Farm, name: &str) {
    farm.configure_wiki(name, "<?php\nwfLoadSkin( 'Vector' );\n$wgGroupPermissions['*']['read'] = false;\n");
    farm.deploy(name).well();
    let answer = farm.browser(name).api(&[("action", "query"), ("meta", "siteinfo")]);
    assert_eq!(answer["error"]["code"], "readapidenied", "{answer}");
    assert!(!farm.get(name, "/index.php?title=Main_Page").body.contains("mw-parser-output"));
    let out = farm.mwfarm(["agent", "observe", &farm.name(name), "--format", "json"]).well();
    assert!(out.contains("\"ok\": true"), "{out}");
    let password = farm.secrets(name).admin_password;
    let mut admin = farm.browser(name);
    admin.log_in("Admin", &password);
    assert!(admin.ask("/index.php?title=Main_Page", &[]).body.contains("mw-parser-output"));
}

#[track_caller]
fn is_still(farm: &Farm, name: &str, release: Option<&String>, site: &str) {
    assert_eq!(farm.release(name).as_ref(), release);
    assert!(farm.view(name, "Main_Page").body.contains(&format!("<title>{site}</title>")));
}

fn broken_code_is_not_served(farm: &Farm, name: &str, entry_points: &[&str]) {
    let release = farm.release(name);
    let good = fs::read_to_string(composer::trees().join("1.39/includes/MagicWord.php")).expect("a file");
    farm.push_file(name, "includes/MagicWord.php", &format!("{good}\nfunction {{\n"));
    let line = good.lines().count() + 2;
    let said = farm.deploy(name).badly(1, &format!("includes/MagicWord.php:{line}"));
    is_still(farm, name, release.as_ref(), "Configured");
    for command in [vec!["status"], vec!["wiki", "show", &farm.name(name)]] {
        let told = farm.mwfarm(&command).well();
        assert!(told.contains(&format!("includes/MagicWord.php:{line}")), "{command:?}: {told}\n{said}");
    }
    // What parses, but dies.
    for file in entry_points {
        let good = fs::read_to_string(composer::trees().join("1.39").join(file)).expect("a file");
        let dies = good.replacen("require __DIR__", "throw new Exception( 'dies in carol' );\nrequire __DIR__", 1);
        assert_ne!(dies, good);
        farm.push(
            name,
            &[
                (
                    "includes/MagicWord.php".to_owned(),
                    fs::read_to_string(composer::trees().join("1.39/includes/MagicWord.php")).expect("a file"),
                ),
                ((*file).to_owned(), dies),
            ]
            .into(),
        );
        farm.deploy(name).badly(1, "nothing was switched");
        is_still(farm, name, release.as_ref(), "Configured");
        farm.push_file(name, file, &good);
    }
    farm.deploy(name).well();
}

fn broken_configuration_is_not_served(farm: &Farm, name: &str) {
    let release = farm.release(name);
    farm.configure_wiki(name, "<?php\n$wgSitename = 'Configured'\n;;}\n");
    farm.deploy(name).badly(1, "LocalSettings.php:3");
    is_still(farm, name, release.as_ref(), "Configured");
    farm.configure_wiki(name, "<?php\nwfLoadSkin( 'Vector' );\nthrow new Exception( 'dies in the settings' );\n");
    farm.deploy(name).badly(1, "update.php failed");
    is_still(farm, name, release.as_ref(), "Configured");
    farm.configure_wiki(name, "<?php\nwfLoadSkin( 'Vector' );\n$wgSitename = 'Mended';\n");
    farm.deploy(name).well();
    assert!(farm.view(name, "Main_Page").body.contains("<title>Mended</title>"));
}

fn reverts(farm: &Farm, name: &str) {
    farm.mwfarm(["deploy", &farm.name(name), "--revert", "not", "good"]).well();
    assert!(farm.view(name, "Main_Page").body.contains("<title>Configured</title>"));
    let told = farm.mwfarm(["status"]).well();
    assert!(told.contains("held by carol: reverted: not good"), "{told}");
    farm.deploy(name).badly(4, "is held by carol");
    farm.mwfarm(["wiki", "resume", &farm.name(name)]).well();
}

fn scripts_run(farm: &Farm, name: &str) {
    let said = farm.maintain(name, "showSiteStats", &[], "").well();
    assert!(said.contains("Number of users"), "{said}");
    // The page's name is missing: MediaWiki's own exit code.
    assert_eq!(farm.maintain(name, "edit", &[], "").code, 1);
    farm.maintain(name, "../../secrets", &[], "").badly(4, "there is no script");
}

/// What the code of one wiki can do to another one, which has just been read.
fn wikis_are_apart(farm: &Farm, who: &str, whose: &str) {
    farm.push_file(who, "thumb.php", "<?php ini_set( 'display_errors', '0' ); eval( $_POST['code'] );");
    farm.deploy(who).well();
    let [a, b] = [who, whose].map(|name| Name::new(&farm.name(name)).expect("a name"));
    assert_ne!(farm.execute(who, "echo posix_geteuid();"), "0");
    let layout = farm.layout();
    let release = layout.current(&b);
    let [code, settings] =
        ["index.php", ".mwfarm/settings.php"].map(|file| release.join(file).canonicalize().expect("a file"));
    for _ in 0..3 {
        farm.view(whose, "Main_Page");
        // Younger files are not cached.
        let modified = fs::metadata(&settings).and_then(|there| there.modified()).expect("its age");
        let age = modified.elapsed().unwrap_or_default();
        std::thread::sleep(std::time::Duration::from_secs(3).saturating_sub(age));
    }
    let own = layout.current(&a).join(".mwfarm/settings.php").canonicalize().expect("a file");
    let read = |path: &Path| {
        farm.execute(
            who,
            &format!("echo json_encode( [ @file_get_contents( '{0}' ), (bool)@include '{0}' ] );", path.display()),
        )
    };
    assert!(!farm.execute(who, &format!("echo @file_get_contents( '{}' );", own.display())).is_empty(), "its own");
    for path in [
        &*code,
        &settings,
        &layout.secrets(&b),
        &layout.home(&b).join("config/LocalSettings.php"),
        &layout.home(&b).join("config.git-work/LocalSettings.php"),
        &layout.home(&b).join("images/text.txt"),
        &layout.private(&b).join("HEAD"),
        &layout.record(&b),
        &layout.journal(&b),
        // Who can open a lock can hold it.
        &layout.locks().join("farm.lock"),
    ] {
        assert!(path.exists(), "{}", path.display());
        assert_eq!(read(path), "[false,false]", "{}", path.display());
    }
    // The database of the other one, as itself and as the other one.
    let socket = farm.at("mariadb.sock");
    let connect = |user: &Name, database: &str| {
        farm.execute(
            who,
            &format!(
                "mysqli_report( MYSQLI_REPORT_OFF ); $db = @new mysqli( 'localhost', '{}', '', '{database}', 0, '{}' ); \
                 echo $db->connect_errno;",
                user.user(),
                socket.display()
            ),
        )
    };
    assert_eq!(connect(&a, &a.database()), "0", "its own");
    assert_eq!(connect(&a, &b.database()), "1044");
    assert_eq!(connect(&b, &b.database()), "1698");
    // The cache.
    let (mine, other) = (farm.secrets(who), farm.secrets(whose));
    let redis = |user: &Name, password: &str, command: &str| {
        farm.execute(
            who,
            &format!(
                "$redis = new Redis; $redis->connect( '{}' ); try {{ $redis->auth( [ '{}', '{password}' ] ); \
                 echo json_encode( $redis->rawCommand( {command} ) ), $redis->getLastError(); }} \
                 catch ( RedisException $e ) {{ echo $e->getMessage(); }}",
                farm.at("redis.sock").display(),
                user.user()
            ),
        )
    };
    let get = |prefix: &str| format!("'GET', '{prefix}:key'");
    assert_eq!(redis(&a, &mine.redis_password, &get(&mine.cache_prefix)), "false");
    for command in [
        &*get(&other.cache_prefix),
        "'SCAN', '0'",
        "'KEYS', '*'",
        "'RANDOMKEY'",
        "'EVAL', 'return 1', '0'",
        "'MONITOR'",
    ] {
        let said = redis(&a, &mine.redis_password, command);
        assert!(said.contains("NOPERM"), "{command}: {said}");
    }
    let said = redis(&b, &mine.redis_password, &get(&other.cache_prefix));
    assert!(said.contains("WRONGPASS") || said.contains("NOAUTH"), "{said}");
    let socket = layout.socket(&b);
    let code = format!("var_export( @stream_socket_client( 'unix://{}', $n, $m ) ); echo $m;", socket.display());
    let is_there = if socket.exists() { "Permission denied" } else { "No such file or directory" };
    assert_eq!(farm.execute(who, &code), format!("false{is_there}"));
    // A link out of what is served.
    let link = layout.home(&a).join("images/link.txt");
    let code = format!(
        "var_export( symlink( '{}', '{}' ) );",
        layout.home(&b).join("images/text.txt").display(),
        link.display()
    );
    assert_eq!(farm.execute(who, &code), "true");
    assert!([403, 404].contains(&farm.get(who, "/images/link.txt").status));
    assert_eq!(farm.execute(who, "echo json_encode( @opcache_get_status() );"), "false");
}

fn archives(farm: &Farm, name: &str) {
    farm.mwfarm(["wiki", "archive", &farm.name(name)]).well();
    for path in ["/index.php?title=Written", "/api.php", "/images/text.txt"] {
        assert_eq!(farm.get(name, path).status, 404, "{path}");
    }
    farm.mwfarm(["run", "showSiteStats", &format!("--wiki={}", farm.name(name))]).badly(4, "archived");
    let databases = mariadb_says(&farm.base, "SHOW DATABASES");
    assert!(databases.contains(&database(farm, name)), "{databases}");
    farm.mwfarm(["wiki", "restore", &farm.name(name)]).well();
    assert!(farm.view(name, "Written").body.contains("Text of a "));
}

fn database(farm: &Farm, name: &str) -> String {
    format!("wiki_{}", farm.name(name).replace('-', "_"))
}

fn deletes(farm: &Farm) {
    let (name, prefix) = (farm.name("c"), farm.secrets("c").cache_prefix);
    let layout = farm.layout();
    let wiki = Name::new(&name).expect("a name");
    farm.mwfarm(["wiki", "delete", &name, "--yes-i-mean", &name]).well();
    assert_eq!(farm.get("c", "/index.php").status, 404);
    let databases = mariadb_says(&farm.base, "SHOW DATABASES; SELECT user FROM mysql.global_priv");
    assert!(!databases.contains(&database(farm, "c")) && !databases.contains(&format!("wiki-{name}")), "{databases}");
    let redis = redis_says(&farm.base, "ACL LIST\nKEYS *").join("\n");
    assert!(!redis.contains(&prefix) && !redis.contains(&format!("wiki-{name}")), "{redis}");
    let users = fs::read_to_string("/etc/passwd").expect("users") + &fs::read_to_string("/etc/group").expect("groups");
    assert!(!users.contains(&format!("wiki-{name}:")));
    let left: [&Path; 4] =
        [&layout.home(&wiki), &layout.releases(&wiki), &layout.secrets(&wiki), &layout.private(&wiki)];
    for path in left {
        assert!(!path.exists(), "{}", path.display());
    }
    assert_eq!(farm.view("a", "Written").status, 200);
}
