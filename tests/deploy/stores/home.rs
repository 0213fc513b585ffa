//! Homes, and the repositories of configuration in them.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use mwfarm::deploy::record::Wiki;
use mwfarm::deploy::watch::notify;
use mwfarm::deploy::{home, users};

use super::ground::{Ground, as_user, output};

fn uid(wiki: &Wiki) -> u32 {
    wiki.uid.expect("a number")
}

fn web() -> u32 {
    let output = output("id", &["-u", "www-data"]);
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number")
}

/// Owner, group and mode.
fn rights(path: &Path) -> (u32, u32, u32) {
    let there = fs::symlink_metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    (there.uid(), there.gid(), there.mode() & 0o7777)
}

/// A ground with a wiki that has a user and a home.
fn settled(lines: &[&str]) -> (Ground, Wiki) {
    let mut ground = Ground::new(lines);
    let wiki = ground.wiki("a");
    users::ensure(&ground.options, &wiki).expect("a user");
    assert!(home::ensure(&ground.options, &wiki).expect("a home"));
    (ground, wiki)
}

#[test]
fn a_home_is_made_once_with_its_rights() {
    let (mut ground, wiki) = settled(&[]);
    let (place, id) = (ground.options.layout.home(&wiki.name), uid(&wiki));
    let before = ground.listing();
    assert!(!home::ensure(&ground.options, &wiki).expect("a home"));
    assert_eq!(ground.listing(), before);

    assert_eq!(rights(&place), (0, id, 0o3770));
    let all = [("images", 0o2770), ("cache", 0o2770), ("logs", 0o2770), ("config.git-work", 0o2770), ("db", 0o700)];
    for (name, mode) in all.into_iter().chain([("tmp", 0o700)]) {
        assert_eq!(rights(&place.join(name)), (id, id, mode), "{name}");
    }
    assert_eq!(rights(&place.join("config")), (0, 0, 0o777));
    let served = ground.options.layout.current(&wiki.name).join(".mwfarm/config");
    assert_eq!(fs::read_link(place.join("config")).expect("a link"), served);
    let (well, said) = as_user(id, &place, "sh", &["-c", "rm config || mv config x || ln -sfn /etc config"]);
    assert!(!well, "the wiki cannot touch root's link: {said}");

    // The web server: images, also later ones, and nothing else, nor any list of what there is.
    let (well, said) = as_user(
        id,
        &place,
        "sh",
        &["-c", "umask 077; mkdir images/a; echo b > images/a/b; chmod 644 images/a/b; echo c > db/c"],
    );
    assert!(well, "{said}");
    let path = |name: &str| place.join(name).to_str().expect("UTF-8").to_owned();
    assert_eq!(as_user(web(), "/".as_ref(), "cat", &[&path("images/a/b")]), (true, "b\n".to_owned()));
    assert!(as_user(web(), "/".as_ref(), "ls", &[&path("images/a")]).0);
    for (program, name) in [("ls", ""), ("ls", "db"), ("cat", "db/c"), ("ls", "config.git-work"), ("ls", "logs")] {
        assert!(!as_user(web(), "/".as_ref(), program, &[&path(name)]).0, "{name}");
    }
    assert!(!as_user(web(), "/".as_ref(), "touch", &[&path("images/a/x")]).0);
    // Another wiki: nothing at all.
    let other = ground.wiki("b");
    users::ensure(&ground.options, &other).expect("a user");
    for name in ["", "images/a/b", "cache", "config.git-work/LocalSettings.php"] {
        assert!(!as_user(uid(&other), "/".as_ref(), "ls", &[&path(name)]).0, "{name}");
    }
}

#[test]
fn a_configuration_is_committed_by_the_wiki_and_told_of() {
    let (ground, wiki) = settled(&[]);
    let (work, id) = (home::work_tree(&ground.options, &wiki.name), uid(&wiki));
    let git = |arguments: &[&str]| as_user(id, &work, "git", arguments);
    let user = wiki.name.user();
    let (_, log) = git(&["log", "--all", "--format=%an %cn %ae %D"]);
    assert_eq!(log, format!("{user} {user} {user}@{} HEAD -> main\n", wiki.host));
    assert_eq!(git(&["status", "--porcelain"]), (true, String::new()));
    assert!(git(&["fsck", "--strict"]).0);
    let settings = work.join("LocalSettings.php");
    assert!(output("php", &["-l", settings.to_str().expect("UTF-8")]).status.success());
    assert!(fs::read_to_string(&settings).expect("settings").contains(&format!("$wgSitename = '{}';", wiki.name)));
    let owned = output("find", &[work.to_str().expect("UTF-8"), "-not", "-user", &user]);
    assert_eq!(String::from_utf8_lossy(&owned.stdout), "", "all of it is the wiki's");

    let notification = home::notification(&ground.options.layout, &wiki.name);
    assert!(!notification.exists());
    for commit in [&["commit", "--allow-empty", "--message", "a"][..], &["commit", "--amend", "--message", "b"]] {
        assert!(git(&[commit, &["--allow-empty"]].concat()).0);
        fs::remove_file(&notification).expect("it told");
    }
    // A commit never fails for it.
    symlink("/nonexistent/file", &notification).expect("a link");
    let (well, said) = git(&["commit", "--allow-empty", "--message", "c"]);
    assert!(well && !said.contains("touch"), "{said}");
    // What the wiki committed stays.
    let (_, head) = git(&["rev-parse", "HEAD"]);
    assert!(!home::ensure(&ground.options, &wiki).expect("a home"));
    assert_eq!(git(&["rev-parse", "HEAD"]).1, head);
}

#[test]
fn what_a_kill_left_is_finished() {
    let mut ground = Ground::new(&[]);
    let wiki = ground.wiki("a");
    users::ensure(&ground.options, &wiki).expect("a user");
    let place = ground.options.layout.home(&wiki.name);
    // Closed and empty.
    fs::create_dir_all(&place).expect("a directory");
    fs::set_permissions(&place, fs::Permissions::from_mode(0o700)).expect("permissions");
    assert!(home::ensure(&ground.options, &wiki).expect("a home"));
    let complete = fs::read_dir(&place).expect("a home").count();
    // Directories that are still root's, and a repository at each point of its making.
    for left in ["init", "hash", "index", "commit"] {
        for name in ["config.git-work", "tmp"] {
            fs::remove_dir_all(place.join(name)).expect("removed");
        }
        fs::create_dir(place.join("tmp")).expect("a directory");
        let script = format!(
            "set -e; git init -q .mwfarm-config-0123456789abcdef; [ {left} = init ] && exit 0; cd .mwfarm-config-0123456789abcdef; echo x > LocalSettings.php;\n\
             [ {left} = hash ] && exit 0; git add .; : > .git/index.lock; [ {left} = index ] && exit 0;\n\
             : > .git/refs/heads/main.lock"
        );
        let (well, said) = as_user(uid(&wiki), &place, "sh", &["-c", &script]);
        assert!(well, "{said}");
        assert!(home::ensure(&ground.options, &wiki).expect("a home"), "{left}");
        assert_eq!(rights(&place.join("tmp")), (uid(&wiki), uid(&wiki), 0o700));
        assert_eq!(fs::read_dir(&place).expect("a home").count(), complete, "nothing is left over");
        assert!(as_user(uid(&wiki), &place.join("config.git-work"), "git", &["diff", "--exit-code", "HEAD"]).0);
        assert!(!home::ensure(&ground.options, &wiki).expect("a home"));
    }
    // Removed by half, twice.
    let removed = place.with_file_name(".removed");
    fs::create_dir_all(removed.join(format!("{}.0123", wiki.name)).join("images")).expect("a directory");
    fs::create_dir_all(removed.join("another.0123")).expect("a directory");
    assert!(home::remove(&ground.options, &wiki.name).expect("it goes"));
    assert!(!home::remove(&ground.options, &wiki.name).expect("it is gone"));
    assert!(!place.exists() && removed.join("another.0123").exists());
    assert_eq!(fs::read_dir(&removed).expect("a directory").count(), 1);
}

#[test]
fn the_working_file_may_be_live_and_back() {
    let (mut ground, wiki) = settled(&["config: seed"]);
    let place = ground.options.layout.home(&wiki.name);
    assert_eq!(home::work_tree(&ground.options, &wiki.name), place.join("config"));
    assert_eq!(rights(&place.join("config")), (uid(&wiki), uid(&wiki), 0o2770));
    assert!(place.join("config/LocalSettings.php").is_file() && !place.join("config.git-work").exists());
    fs::write(place.join("config/LocalSettings.php"), "<?php // mine\n").expect("settings");
    for (live, work) in
        [(mwfarm::deploy::options::Live::Committed, "config.git-work"), (mwfarm::deploy::options::Live::Seed, "config")]
    {
        ground.options.config = live;
        assert_eq!([true, false], [(); 2].map(|()| home::ensure(&ground.options, &wiki).expect("a home")));
        let text = fs::read_to_string(place.join(work).join("LocalSettings.php")).expect("settings");
        assert_eq!(text, "<?php // mine\n");
    }
}

/// What a wiki can do to its own home is no reason for root to touch anything elsewhere.
#[test]
fn links_of_a_wiki_lead_root_nowhere() {
    let (ground, wiki) = settled(&[]);
    let place = ground.options.layout.home(&wiki.name);
    let outside = ground.root().join("outside");
    fs::create_dir(&outside).expect("a directory");
    fs::write(outside.join("file"), "precious").expect("a file");
    let look = || {
        let of = |path: &Path| {
            let there = fs::symlink_metadata(path).expect("it is there");
            (there.uid(), there.gid(), there.mode(), there.ctime(), there.ctime_nsec(), there.ino())
        };
        (of(&outside), of(&outside.join("file")), fs::read_dir(&outside).expect("a directory").count())
    };
    let before = look();
    let target = outside.to_str().expect("UTF-8").to_owned();
    let sh = |script: &str| {
        let (well, said) = as_user(uid(&wiki), &place, "sh", &["-c", &script.replace("OUTSIDE", &target)]);
        assert!(well, "{said}");
    };
    for name in ["images", "db", "tmp", "logs", "cache", "config.git-work"] {
        sh(&format!("mv {name} kept; ln -s OUTSIDE {name}"));
        let refused = home::ensure(&ground.options, &wiki).expect_err("a link is there");
        assert!(refused.what.contains(name) && refused.hint.is_some(), "{refused:?}");
        assert_eq!(look(), before, "{name}");
        sh(&format!("rm {name}; : > {name}"));
        assert!(home::ensure(&ground.options, &wiki).is_err());
        sh(&format!("rm {name}; mv kept {name}"));
    }
    for scratch in [
        "ln -s OUTSIDE .mwfarm-config-0123456789abcdef",
        "mkdir -p .mwfarm-config-0123456789abcdef/a; ln -s OUTSIDE .mwfarm-config-0123456789abcdef/.git",
        ": > .mwfarm-config-0123456789abcdef",
    ] {
        sh(&format!("rm -rf .mwfarm-config-0123456789abcdef config.git-work; {scratch}"));
        assert!(home::ensure(&ground.options, &wiki).expect("a home"), "{scratch}");
        assert_eq!(look(), before, "{scratch}");
        assert!(place.join("config.git-work/.git/HEAD").is_file());
    }
    // The hook's place, too.
    let notify = home::notification(&ground.options.layout, &wiki.name);
    let (well, said) = as_user(uid(&wiki), "/".as_ref(), "ln", &["-s", &target, notify.to_str().expect("UTF-8")]);
    assert!(well, "{said}");
    let told = notify::told(&ground.options.layout).expect("what was told");
    assert_eq!(told, [(wiki.name.clone(), uid(&wiki))]);
    notify::forget(&ground.options.layout, &wiki.name).expect("forgotten");
    assert_eq!((look(), fs::symlink_metadata(&notify).is_err()), (before, true));
    // A configuration of git that would run a program, for whoever runs git there.
    let evil = format!("git -C config.git-work config core.fsmonitor 'touch {target}/../canary'");
    sh(&evil);
    assert!(!home::ensure(&ground.options, &wiki).expect("a home"));
    assert!(!ground.root().join("canary").exists());

    // Removal goes deeper than any stack, and through no link.
    sh("cd images; ln -s OUTSIDE link; ln -s / root; ln OUTSIDE/../none hard 2>/dev/null; mkfifo pipe; chmod 0 pipe");
    sh(
        "cd images; php -r 'for ($i = 0; $i < 4000; $i++) { mkdir(str_repeat(\"d\", 200)); chdir(str_repeat(\"d\", 200)); }'",
    );
    assert!(home::remove(&ground.options, &wiki.name).expect("it goes"));
    assert_eq!(look(), before);
    assert!(!place.exists());
    // A home that is itself a link, as only root could make it.
    symlink(&outside, &place).expect("a link");
    assert!(home::ensure(&ground.options, &wiki).is_err());
    assert_eq!(look(), before);
    assert!(home::remove(&ground.options, &wiki.name).expect("it goes"));
    assert_eq!(look(), before);
}
