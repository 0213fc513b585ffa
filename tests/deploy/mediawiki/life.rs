//! The verbs about a wiki that change no code, each once on a real MediaWiki.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use super::MediaWikis;
use crate::deploy::farm::{Farm, Said};
use crate::deploy::servers::redis_says;

/// What the other verbs have left is there afterwards, too.
pub(super) fn lives(farm: &Farm) {
    is_listed(farm);
    is_held(farm);
    ends_and_comes_back(farm);
    is_given_away(farm);
    has_other_secrets(farm);
    would_be_deleted(farm);
}

fn is_listed(farm: &Farm) {
    let list = farm.mwfarm(["wiki", "list"]).well();
    let line = |name: &str| {
        let line = list.lines().find(|line| line.starts_with(&farm.name(name))).expect("a line");
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    let of = |name: &str| farm.release(name).expect("a release");
    let ready = |name: &str| [farm.name(name), "ready".to_owned(), farm.host(name), "fpm".to_owned(), of(name)];
    assert_eq!(line("a"), [&ready("a")[..], &["daemon".to_owned()]].concat());
    assert_eq!(line("c"), ready("c"));
    let shown = farm.mwfarm(["wiki", "show", &farm.name("b")]).well();
    for says in [&farm.host("b"), &of("b"), "expires ", "extensions", "releases "] {
        assert!(shown.contains(says), "{says}: {shown}");
    }
}

fn is_held(farm: &Farm) {
    let name = farm.name("b");
    farm.mwfarm(["wiki", "hold", &name, "a", "demo"]).well();
    let before = farm.release("b");
    let commit = farm.push_file("b", "resources/pushed.css", "p {}\n");
    farm.deploy("b").badly(4, "is held by carol: a demo");
    farm.mwfarm(["watch", "worker", "--once", "--reconcile", "0"]).well();
    assert_eq!(farm.release("b"), before);
    farm.mwfarm(["wiki", "resume", &name]).well();
    farm.deploy("b").well();
    assert_eq!(farm.show("b")["release"]["code"], commit.as_str());
    assert!(farm.view("b", "Written").body.contains("Text of a person."));
}

/// It was made for a time, which is over.
fn ends_and_comes_back(farm: &Farm) {
    let name = farm.name("b");
    assert_eq!(farm.mwfarm(["wiki", "expire"]).well(), "");
    let record = farm.at(&format!("var/lib/mwfarm/wikis/{name}.json"));
    let mut json: serde_json::Value = serde_json::from_slice(&fs::read(&record).expect("a record")).expect("JSON");
    json["expires"] = 1.into();
    fs::write(&record, json.to_string()).expect("a record");
    let over = format!("`{name}` would be archived: its time is over\n");
    assert_eq!(farm.mwfarm(["wiki", "expire", "--dry-run"]).well(), over);
    farm.view("b", "Written");
    farm.mwfarm(["wiki", "expire"]).well();
    assert_eq!(farm.get("b", "/index.php?title=Written").status, 404);
    farm.mwfarm(["wiki", "restore", &name]).well();
    assert!(farm.view("b", "Written").body.contains("Text of a person."));
}

fn is_given_away(farm: &Farm) {
    farm.mwfarm(["wiki", "owners", &farm.name("a"), "news"]).well();
    let owners = Command::new("getent").args(["group", &format!("wiki-{}", farm.name("a"))]).output().expect("getent");
    assert!(String::from_utf8_lossy(&owners.stdout).trim_end().ends_with(":news"), "{owners:?}");
    let said = farm.mwfarm(["wiki", "become", &farm.name("a"), "--", "php", "-r", "echo posix_geteuid();"]).well();
    assert_eq!(said, farm.show("a")["wiki"]["uid"].to_string());
}

/// By a command, and by somebody who adds one.
fn has_other_secrets(farm: &Farm) {
    let name = farm.name("b");
    let before = farm.secrets("b");
    farm.mwfarm(["wiki", "rotate", &name]).well();
    assert_ne!(farm.secrets("b").redis_password, before.redis_password);
    let private = farm.at(&format!("srv/private/{name}.git"));
    let script = "set -e; t=$(mktemp -d); trap 'rm -rf $t' EXIT; git clone -q \"$1\" $t; cd $t; \
                  sed -i '$ s/}$/,\"settings\":{\"wgSMTP\":{\"host\":\"mail.test\",\"password\":\"hidden\"}}}/' secrets.json; \
                  git -c user.name=o -c user.email=o@wiki.test commit -qam add; git push -q origin HEAD:main";
    let added = Command::new("sh").args(["-c", script, "sh"]).arg(&private).output().expect("sh");
    assert!(added.status.success(), "{added:?}");
    let said = farm.mwfarm(["watch", "reconcile", &name]).well();
    assert!(said.contains("made sure of its secrets"), "{said}");
    let code = "echo json_encode( $wgSMTP ), ' ', hash( 'sha256', $wgSecretKey );";
    let shown = farm.maintain("b", "eval", &[], code).well();
    assert!(shown.contains("{\"host\":\"mail.test\",\"password\":\"hidden\"}"), "{shown}");
    // OPcache looks at files every two seconds, and counts whole ones; then Redis refuses nothing.
    thread::sleep(Duration::from_millis(3200));
    farm.view("b", "Written");
    assert_eq!(redis_says(&farm.base, "ACL LOG RESET"), ["OK"]);
    farm.view("b", "Special:RecentChanges");
    farm.view("b", "Written");
    assert_eq!(redis_says(&farm.base, "ACL LOG"), [""; 0]);
    let mut admin = farm.browser("b");
    admin.log_in("Admin", &farm.secrets("b").admin_password);
    admin.edit("Written", "Text of a person, again.");
    admin.edit("Written", "Text of a person.");
}

fn would_be_deleted(farm: &Farm) {
    let name = farm.name("c");
    let plan = farm.mwfarm(["wiki", "delete", &name, "--dry-run"]).well();
    assert!(plan.contains(&format!("  database wiki_{}\n", name.replace('-', "_"))), "{plan}");
    farm.mwfarm(["wiki", "delete", &name, "--yes-i-mean", &farm.name("b")]).badly(4, "nothing was deleted");
    farm.view("c", "Main_Page");
}

/// Makes a wiki: MediaWiki's installer makes the first administrator, whose password no process and no log shows.
pub(super) fn is_made_without_a_word(farm: &Farm, wiki: &str) {
    let name = farm.name(wiki);
    let program = farm.command(["-vvv", "wiki", "create", &name]);
    let trace = farm.at("trace");
    let mut command = Command::new("strace");
    command.args(["-f", "--seccomp-bpf", "-qq", "-v", "-s", "100000", "-e", "trace=execve,execveat", "-o"]).arg(&trace);
    command.arg(program.get_program()).args(program.get_args()).env("LOGNAME", "carol").env_remove("SUDO_USER");
    let said = Said::from(command.stdin(Stdio::null()).output().expect("strace"));
    assert_eq!(said.code, 0, "{said:?}");
    let seen = fs::read_to_string(&trace).expect("a trace") + &said.out + &said.err;
    fs::remove_file(trace).expect("a trace");
    let secrets = farm.secrets(wiki);
    for program in ["install.php", "--passfile", "update.php", "mariadb", "redis-cli"] {
        assert!(seen.contains(program), "{program} was started");
    }
    let secret = [&secrets.admin_password, &secrets.secret_key, &secrets.upgrade_key, &secrets.redis_password];
    let logs = ["data/project/LOGS/logs", "var/lib/mwfarm", "srv/deployment", "etc/mwfarm"];
    for secret in secret {
        assert!(!seen.contains(secret.as_str()));
        for place in logs.map(|place| farm.at(&place.replace("LOGS", &name))) {
            let found = Command::new("grep").args(["-rlF", "--", secret]).arg(place).output().expect("grep");
            assert_eq!(String::from_utf8_lossy(&found.stdout), "");
        }
    }
    assert!(!farm.at(&format!("run/mwfarm/secrets/{name}.install")).exists());
    farm.browser(wiki).log_in("Admin", &secrets.admin_password);
}
