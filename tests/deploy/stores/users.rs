//! Users and groups.

use std::process::{Command, Stdio};

use mwfarm::deploy::users;
use mwfarm::report::ExitCode;

use super::ground::{Ground, number, output};

fn line(database: &str, key: &str) -> String {
    String::from_utf8(output("getent", &[database, key]).stdout).expect("UTF-8").trim_end().to_owned()
}

#[test]
fn a_user_is_made_once_and_goes_with_its_processes() {
    let mut ground = Ground::new(&[]);
    let mut wiki = ground.wiki("a-b");
    let (user, uid) = (wiki.name.user(), wiki.uid.expect("a number"));
    // A kill left the group only.
    assert!(output("groupadd", &["--gid", &uid.to_string(), &user]).status.success());
    assert_eq!([true, false], [(); 2].map(|()| users::ensure(&ground.options, &wiki).expect("a user")));
    let home = ground.options.layout.home(&wiki.name);
    assert_eq!(line("passwd", &user), format!("{user}:x:{uid}:{uid}:MediaWiki:{}:/bin/bash", home.display()));
    assert!(line("shadow", &user).starts_with(&format!("{user}:!:")), "no password");
    // No numbers besides, which another user would get afterwards.
    for file in ["/etc/subuid", "/etc/subgid"] {
        let given = std::fs::read_to_string(file).unwrap_or_default();
        assert!(!given.lines().any(|line| line.starts_with(&format!("{user}:"))), "{given}");
    }
    // Owners are exactly those of the record.
    for owners in [vec!["nobody".to_owned(), "daemon".to_owned()], vec!["daemon".to_owned()], Vec::new()] {
        wiki.owners = owners;
        assert_eq!([true, false], [(); 2].map(|()| users::ensure(&ground.options, &wiki).expect("a group")));
        let mut members = wiki.owners.clone();
        members.sort();
        assert_eq!(line("group", &user), format!("{user}:x:{uid}:{}", members.join(",")));
    }
    // Whatever it runs ends: this one also starts others all the time.
    let script = "trap '' TERM; while :; do sleep 1000 & sleep 0.01; done";
    let mut busy = Command::new("setpriv")
        .args([format!("--reuid={uid}"), format!("--regid={uid}")])
        .args(["--clear-groups", "sh", "-c", script])
        .stdout(Stdio::null())
        .spawn()
        .expect("setpriv runs");
    crate::deploy::farm::wait("it is at work", || {
        let its = output("ps", &["-o", "comm=", "-U", &uid.to_string()]).stdout;
        String::from_utf8_lossy(&its).lines().any(|name| name == "sleep")
    });
    assert!(users::remove(&ground.options, &wiki).expect("it goes"));
    busy.wait().expect("it ended");
    // What is dead counts for nothing, whether it was waited for or not.
    let left =
        String::from_utf8(output("ps", &["-o", "stat=,pid=,args=", "-U", &uid.to_string()]).stdout).expect("UTF-8");
    assert!(left.lines().all(|process| process.starts_with('Z')), "{left}");
    assert_eq!((line("passwd", &user), line("group", &user)), (String::new(), String::new()));
    assert!(!users::remove(&ground.options, &wiki).expect("it is gone"));
}

#[test]
fn what_is_somebody_elses_is_neither_taken_nor_removed() {
    let mut ground = Ground::new(&[]);
    let wiki = ground.wiki("a");
    assert!(users::ensure(&ground.options, &wiki).expect("a user"));
    let before = (line("passwd", &wiki.name.user()), line("group", &wiki.name.user()));
    let mut other_number = wiki.clone();
    other_number.uid = Some(number());
    let mut other_name = ground.wiki("b");
    let own_number = std::mem::replace(&mut other_name.uid, wiki.uid);
    for foreign in [&other_number, &other_name] {
        for refused in [users::ensure(&ground.options, foreign), users::remove(&ground.options, foreign)] {
            let refused = refused.expect_err("refused");
            assert_eq!(refused.exit, ExitCode::Usage);
            assert!(refused.hint.is_some(), "{refused:?}");
        }
    }
    other_name.uid = own_number;
    for owner in ["nobody-is-called-so", "0", "", "-x", "root,daemon", "a:b", "root\n", &wiki.name.user()] {
        other_name.owners = vec![owner.to_owned()];
        let refused = users::check_owners(&ground.options, &other_name.name, &other_name.owners);
        assert_eq!(refused.expect_err("refused").exit, ExitCode::Usage, "{owner:?}");
        // Somebody who has left is nobody's reason to stop; what can be nobody's name is in no record of ours.
        if !matches!(owner, "nobody-is-called-so" | "0") {
            let refused = users::ensure(&ground.options, &other_name).expect_err("refused");
            assert_eq!(refused.exit, ExitCode::Usage, "{owner:?}");
            assert_eq!(line("passwd", &other_name.name.user()), "", "{owner:?}");
        }
    }
    assert_eq!((line("passwd", &wiki.name.user()), line("group", &wiki.name.user())), before);
}

#[test]
fn without_users_nothing_is_made() {
    let mut ground = Ground::new(&["users: none"]);
    let wiki = ground.wiki("a");
    assert!(!users::ensure(&ground.options, &wiki).expect("nothing to do"));
    assert_eq!((users::of(&ground.options, &wiki), line("passwd", &wiki.name.user())), (None, String::new()));
    assert!(ground.provide(&wiki));
    assert!(!ground.provide(&wiki));
}
