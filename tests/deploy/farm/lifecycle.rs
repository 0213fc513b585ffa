//! From the request for a wiki to its end.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::watching::small_core;
use super::{Farm, Plan, core, git};

#[test]
fn a_wiki_lives_with_fpm() {
    lifecycle("fpm");
}

#[test]
fn a_wiki_lives_with_itk() {
    lifecycle("itk");
}

fn lifecycle(web: &'static str) {
    let farm = Farm::start(&Plan::of(web));
    farm.create("a");
    farm.create("b");
    let says = |name: &str, text: &str| {
        let page = farm.page(name);
        assert!(page.starts_with(text), "{page}");
    };
    says("a", "index 1 page 1 site a-");

    // Again: nothing changes.
    let said = farm.mwfarm(["wiki", "create", &farm.name("a")]).well();
    assert!(said.contains("is there already"), "{said}");
    assert_eq!(farm.release("a").unwrap().split('-').next(), Some("1"));

    // Pushed to, and configured.
    let second = farm.push("a", &core::files("2"));
    farm.deploy("a").well();
    says("a", "index 2 page 2 site a-");
    farm.configure_wiki("a", "<?php\n$wgSitename = 'Configured';");
    farm.deploy("a").well();
    says("a", "index 2 page 2 site Configured ");
    let said = farm.deploy("a").well();
    assert!(said.contains("already"), "{said}");

    // Broken: what does not parse, and what does not answer.
    farm.push_file("a", "includes/Page.php", "<?php\necho 'never'\nclass {");
    farm.deploy("a").badly(1, "includes/Page.php:3: ");
    says("a", "index 2 page 2 site Configured ");
    let status = farm.mwfarm(["status"]).well();
    assert!(status.contains("includes/Page.php:3: "), "{status}");
    farm.push(
        "a",
        &BTreeMap::from([
            ("includes/Page.php".to_owned(), core::page("3")),
            ("includes/Health.php".to_owned(), "<?php\nthrow new Exception('unwell');\n".to_owned()),
        ]),
    );
    farm.deploy("a").badly(1, "nothing was switched");
    says("a", "index 2 page 2 site Configured ");
    farm.configure_wiki("a", "<?php\n$wgSitename = ;");
    farm.push("a", &BTreeMap::from([("includes/Health.php".to_owned(), "<?php\n".to_owned())]));
    // The code is good, and goes with the configuration that is.
    farm.deploy("a").well();
    says("a", "index 2 page 3 site Configured ");
    farm.deploy("a").badly(1, "LocalSettings.php:2: ");
    let status = farm.mwfarm(["status"]).well();
    assert!(status.contains("configuration failed: ") && status.contains("LocalSettings.php:2: "), "{status}");
    farm.configure_wiki("a", "<?php\n$wgSitename = 'Again';");
    farm.deploy("a").well();
    says("a", "index 2 page 3 site Again ");

    // Back, and forth.
    farm.mwfarm(["deploy", &farm.name("a"), "--revert", "the name is wrong"]).well();
    says("a", "index 2 page 3 site Configured ");
    farm.deploy("a").badly(4, "is held by carol: reverted: the name is wrong");
    farm.mwfarm(["wiki", "resume", &farm.name("a")]).well();
    farm.deploy("a").badly(4, "is marked as bad: the name is wrong");
    farm.mwfarm(["deploy", &farm.name("a"), "--rev", &second[..12]]).well();
    says("a", "index 2 page 2 site Again ");
    // A push does not undo what was chosen by hand.
    farm.deploy("a").badly(4, "is held by carol: ");
    let said = farm.mwfarm(["watch", "reconcile"]).well();
    assert_eq!(said, "nothing differs\n");
    farm.mwfarm(["deploy", &farm.name("a"), "--rev", &second[..12]]).well();
    let show = farm.show("a");
    let stages: Vec<&str> =
        show["journal"].as_array().unwrap().iter().filter_map(|entry| entry["stage"].as_str()).collect();
    assert_eq!(stages.last(), Some(&"done"), "{stages:?}");

    // Scripts run as the wiki, with its settings.
    let said = farm.mwfarm(["run", "show", "--wiki", &farm.name("a"), "--", "--flag", "a b"]).well();
    let uid = show["wiki"]["uid"].as_u64().unwrap();
    assert!(said.starts_with(&format!("[\"Again\",{uid},[\"--flag\",\"a b\"],")), "{said}");
    farm.mwfarm(["run", "../index", "--wiki", &farm.name("a")]).badly(4, "there is no script `../index`");
    farm.mwfarm(["run", "absent", "--wiki", &farm.name("a")]).badly(4, "there is no script `absent`");

    // Off the web, and on it again.
    farm.mwfarm(["wiki", "archive", &farm.name("a")]).well();
    assert_eq!(farm.get("a", "/index.php").status, 404);
    says("b", "index 1 page 1 site b-");
    farm.deploy("a").badly(4, "is archived");
    farm.mwfarm(["wiki", "restore", &farm.name("a")]).well();
    says("a", "index 2 page 2 site Again ");

    // Gone, but for branch and journal.
    let name = farm.name("a");
    farm.mwfarm(["wiki", "delete", &name, "--yes-i-mean", "b"]).badly(4, "nothing was deleted");
    farm.mwfarm(["wiki", "delete", &name, "--yes-i-mean", &name]).well();
    assert_eq!(farm.get("a", "/index.php").status, 404);
    assert_eq!(farm.left_of("a"), Vec::<String>::new());
    says("b", "index 1 page 1 site b-");
    assert!(git(&farm.at("core.git"), ["branch", "--list", &format!("wiki/{name}")]).contains(&name));
    assert!(farm.at(&format!("var/lib/mwfarm/journal/{name}.jsonl")).exists());
    farm.mwfarm(["wiki", "show", &name]).badly(4, "there is no wiki");

    // Its name can be taken again, its number not.
    farm.create("a");
    says("a", "index 2 page 3 site a-");
    assert!(farm.show("a")["wiki"]["uid"].as_u64().unwrap() > uid);
    let nothing = farm.mwfarm(["watch", "reconcile"]).well();
    assert_eq!(nothing, "nothing differs\n");
}

/// The paths of the document, who owns them, and what they are for.
#[test]
fn the_layout_is_that_of_the_document() {
    let farm = Farm::with_core(&Plan { users: true, ..Plan::plain() }, &small_core());
    farm.create("a");
    let name = farm.name("a");
    let shown = farm.show("a");
    let uid = u32::try_from(shown["wiki"]["uid"].as_u64().unwrap()).unwrap();
    let code = shown["release"]["code"].as_str().unwrap();
    let rights = |path: &str| {
        let there =
            fs::symlink_metadata(farm.at(&path.replace('@', &name))).unwrap_or_else(|error| panic!("{path}: {error}"));
        (there.uid(), there.gid(), there.mode() & 0o7777)
    };

    // The reference repository; what is deployed is pinned, and not by a mirror's refspec, which would prune the pins.
    let common = farm.at("srv/deployment/mediawiki/common");
    let config = |key: &str| git(&common, ["config", "--get-all", key]);
    assert_eq!((config("core.bare"), config("gc.auto")), ("true\n".to_owned(), "0\n".to_owned()));
    assert_eq!(config("remote.origin.fetch"), "+refs/heads/*:refs/heads/*\n");
    let pins = git(&common, ["for-each-ref", "--format=%(objectname) %(refname)", "refs/deployed/"]);
    assert_eq!(pins, format!("{code} refs/deployed/{name}/{code}\n"));
    git(&common, ["fetch", "-q", "--prune", "origin"]);
    assert_eq!(git(&common, ["for-each-ref", "--format=%(objectname) %(refname)", "refs/deployed/"]), pins);

    // Its code, by a link that is switched by a rename, and that nothing of the wiki's writes.
    let release = format!("1-{}", &code[..12]);
    let link = farm.at("srv/deployment/servicegroup").join(&name);
    assert_eq!(fs::read_link(&link).unwrap(), Path::new(&format!("../releases/{name}/{release}")));
    let place = farm.at("srv/deployment/releases").join(&name).join(&release);
    assert_eq!(rights("srv/deployment/releases/@"), (0, uid, 0o750));
    assert_eq!(fs::read_to_string(place.join("REVISION")).unwrap().trim(), code);
    let script = format!(
        "find -L {0} -writable; touch {0}/x; rm -f {0}/index.php; mv {1} {1}.x; ln -sfn / {1}; echo x >> {0}/index.php; \
         cat {0}/LocalSettings.php > /dev/null && echo read",
        place.display(),
        link.display()
    );
    let said = farm.mwfarm(["wiki", "become", &name, "--", "sh", "-c", &script]);
    assert_eq!((said.code, said.out.as_str()), (0, "read\n"), "{}", said.err);
    assert_eq!(fs::read_link(&link).unwrap(), Path::new(&format!("../releases/{name}/{release}")));

    // The configuration's repository in the group's home, and the link to it in every release.
    let home = farm.at("data/project").join(&name);
    assert_eq!(fs::read_link(place.join("LocalSettings.php")).unwrap(), home.join("config/LocalSettings.php"));
    assert_eq!(fs::canonicalize(home.join("config")).unwrap(), place.join(".mwfarm/config"));
    assert_eq!(rights("data/project/@/config.git-work"), (uid, uid, 0o2770));
    let repository =
        "git config core.sharedRepository; git config core.bare; git log --format='%an %s'; git status --short";
    let said = farm.mwfarm(["wiki", "become", &name, "--", "sh", "-c", repository]).well();
    assert_eq!(said, format!("1\nfalse\nwiki-{name} Configuration of {name}\n"));
    for (path, wanted) in [
        ("data/project/@", (0, uid, 0o3770)),
        ("data/project/@/images", (uid, uid, 0o2770)),
        ("data/project/@/cache", (uid, uid, 0o2770)),
        ("data/project/@/logs", (uid, uid, 0o2770)),
        ("data/project/@/tmp", (uid, uid, 0o700)),
        ("data/project/@/db", (uid, uid, 0o700)),
        ("srv/private", (0, 0, 0o700)),
        ("srv/private/@.git", (0, 0, 0o700)),
        ("run/mwfarm/secrets", (0, 0, 0o711)),
        ("run/mwfarm/secrets/@.php", (0, uid, 0o440)),
        ("var/lib/mwfarm/wikis", (0, 0, 0o700)),
        ("var/lib/mwfarm/wikis/@.json", (0, 0, 0o600)),
        ("var/lib/mwfarm/journal", (0, 0, 0o700)),
        ("var/lib/mwfarm/journal/@.jsonl", (0, 0, 0o600)),
    ] {
        assert_eq!(rights(path), wanted, "{path}");
    }
    // The host, the user and the branch follow the name.
    assert_eq!(shown["wiki"]["host"], format!("{name}.wiki.test"));
    assert_eq!(shown["wiki"]["branch"], format!("refs/heads/wiki/{name}"));
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let user = passwd.lines().find(|line| line.starts_with(&format!("wiki-{name}:"))).unwrap();
    assert_eq!(user, format!("wiki-{name}:x:{uid}:{uid}:MediaWiki:{}:/bin/bash", home.display()));
    let branch = git(&farm.at("core.git"), ["rev-parse", &format!("refs/heads/wiki/{name}"), "refs/heads/main"]);
    assert_eq!(branch, format!("{code}\n{code}\n"));
}
