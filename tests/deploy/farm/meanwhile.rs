//! What somebody else has done to a wiki while a command was about to change it: what is done is about what is there.

use std::fs;
use std::process::Stdio;

use serde_json::{Value, json};

use super::sound::sound;
use super::watching::small_core;
use super::{Farm, Plan, trace};

fn set(farm: &Farm, wiki: &str, field: &str, value: &Value) {
    let record = farm.at(&format!("var/lib/mwfarm/wikis/{}.json", farm.name(wiki)));
    let mut json: Value = serde_json::from_slice(&fs::read(&record).expect("a record")).expect("JSON");
    json[field] = value.clone();
    fs::write(&record, json.to_string()).expect("a record");
}

/// Between two locks, somebody could make or restore the wiki that was seen to be deleted or archived.
#[test]
fn a_wiki_is_looked_at_and_mended_under_one_lock() {
    let farm = Farm::with_core(&Plan::of("fpm"), &small_core());
    for wiki in ["a", "b"] {
        farm.create(wiki);
    }
    set(&farm, "a", "state", &json!("deleting"));
    set(&farm, "b", "state", &json!("archived"));
    for (wiki, done) in [("a", "finished deleting it"), ("b", "took it off the web")] {
        let words = ["watch", "reconcile", &farm.name(wiki)];
        assert_eq!(trace::locks(&farm, wiki, &words), 1, "{done}");
    }
    assert_eq!(farm.left_of("a"), Vec::<String>::new());
    assert_eq!((farm.get("b", "/index.php").status, farm.show("b")["wiki"]["state"].as_str()), (404, Some("archived")));
    sound(&farm);
}

#[test]
fn who_gets_more_time_at_the_last_moment_has_it() {
    let farm = Farm::with_core(&Plan::plain(), &small_core());
    for wiki in ["a", "b", "c"] {
        farm.create(wiki);
        set(&farm, wiki, "expires", &json!(1));
    }
    // Others are at work on all of them.
    let locks = ["a", "b", "c"].map(|wiki| {
        let lock = fs::File::open(farm.at(&format!("var/lib/mwfarm/locks/{}.wiki", farm.name(wiki)))).expect("a lock");
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).expect("the lock");
        lock
    });
    let mut command = farm.command(["wiki", "expire"]);
    let expire = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("mwfarm");
    super::wait("it waits for them", || super::waits(&expire));
    set(&farm, "a", "expires", &Value::Null);
    fs::remove_file(farm.at(&format!("var/lib/mwfarm/wikis/{}.json", farm.name("b")))).expect("a record");
    drop(locks);
    let said = super::Said::from(expire.wait_with_output().expect("an end")).well();
    assert_eq!(said, format!("`{}` is archived: its time is over\n", farm.name("c")));
    assert_eq!(farm.show("a")["wiki"]["state"], "ready");
}
