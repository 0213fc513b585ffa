//! From one version of MediaWiki to another one.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use super::MediaWikis;
use super::core::mediawiki_39_and_43;
use crate::deploy::farm::{Farm, Plan, git};
use crate::farm::composer;
use crate::meanwhile::End;

#[test]
fn a_wiki_is_closed_while_its_database_is_upgraded() {
    let farm = Farm::start(&Plan::of_core("fpm", mediawiki_39_and_43(), &["database: sqlite"]));
    farm.create("a");
    farm.maintain("a", "edit", &["--user", "Admin", "Written"], "Text of 1.39.").well();
    assert!(generator(&farm).starts_with("MediaWiki 1.39."), "{}", generator(&farm));
    let branch = format!("refs/heads/wiki/{}", farm.name("a"));
    git(&farm.at("core.git"), ["update-ref", &branch, "refs/heads/new"]);

    // Code that fails with the new schema: nobody can know whether the old code still works.
    let good = fs::read_to_string(composer::trees().join("1.43/api.php")).expect("a file");
    farm.push_file("a", "api.php", "<?php\nhttp_response_code( 500 );\necho 'broken by carol';\n");
    let ended = AtomicBool::new(false);
    let replies = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut replies = Vec::new();
            while !ended.load(Ordering::Relaxed) {
                replies.push(farm.get("a", "/index.php?title=Written"));
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
            replies
        });
        let end = End(&ended);
        let said = farm.deploy("a").badly(1, "nothing was switched");
        drop(end);
        assert!(said.contains("update.php has changed the schema"), "{said}");
        watcher.join().expect("replies")
    });
    let closed: Vec<_> = replies.iter().filter(|reply| reply.status == 503).collect();
    assert!(!closed.is_empty() && replies.first().is_some_and(|reply| reply.status == 200), "{}", replies.len());
    assert!(closed.iter().all(|reply| reply.head.contains("Retry-After: ")), "{closed:?}");
    let told = farm.mwfarm(["status"]).well();
    assert!(
        told.contains("needs operator") && told.contains("restore the database, or push code that works"),
        "{told}"
    );

    farm.push_file("a", "api.php", &good);
    farm.mwfarm(["wiki", "resume", &farm.name("a")]).well();
    farm.deploy("a").well();
    assert!(generator(&farm).starts_with("MediaWiki 1.43."), "{}", generator(&farm));
    assert!(farm.view("a", "Written").body.contains("Text of 1.39."));
    let told = farm.mwfarm(["status"]).well();
    assert!(!told.contains("needs operator"), "{told}");
}

fn generator(farm: &Farm) -> String {
    let general = farm.browser("a").api(&[("action", "query"), ("meta", "siteinfo")]);
    general["query"]["general"]["generator"].as_str().unwrap_or_default().to_owned()
}
