//! The same pushes, of which a recorded stream of Gerrit's events tells: an sshd that plays it back to who connects.

use std::fs;

use super::MediaWikis;
use crate::deploy::farm::gerrit::{gerrit, merged, tell, updated};
use crate::deploy::farm::{Farm, wait};
use crate::farm::composer;

/// A change is served, a broken one is not, a configuration is, and the change that repairs is.
pub(super) fn is_followed(farm: &Farm, name: &str) {
    let (_sshd, events) = gerrit(farm);
    let worker = farm.worker("2");
    let looks = || worker.said().matches("the look at all wikis: nothing to do").count();
    wait("the first look is over", || looks() == 1);
    let follower = farm.service(&["watch", "gerrit", "-v"]);
    wait("the look after the connection is over, so that none finds the push", || looks() == 2);
    let branch = format!("wiki/{}", farm.name(name));
    let tree = composer::trees().join("1.39");
    let text = |file: &str| fs::read_to_string(tree.join(file)).expect("a file");
    let push = |file: &str, text: &str| {
        let old = farm.tip(name);
        let new = farm.push_file(name, file, text);
        // As Gerrit tells of a change that is submitted: both, of which the second one is told twice.
        for line in [merged(&branch, &old, &new), updated(&branch, &old, &new), updated(&branch, &old, &new)] {
            tell(&events, &line);
        }
        new
    };

    let texts = text("languages/i18n/en.json");
    let changed = texts.replace("\"recentchanges\": \"Recent changes\"", "\"recentchanges\": \"Told by Gerrit\"");
    assert_ne!(texts, changed);
    let told = push("languages/i18n/en.json", &changed);
    farm.settle(&[name]);
    assert!(farm.view(name, "Special:RecentChanges").body.contains(">Told by Gerrit"));
    let last = farm.show(name)["journal"].as_array().and_then(|lines| lines.last().cloned()).expect("a line");
    assert!(["merged by dave", "pushed by carol"].contains(&last["why"].as_str().unwrap_or_default()), "{last}");

    let good = text("includes/MagicWord.php");
    push("includes/MagicWord.php", &format!("{good}\nfunction {{\n"));
    let status = || farm.mwfarm(["status"]).well();
    let place = format!("includes/MagicWord.php:{}", good.lines().count() + 2);
    wait("the broken change is refused", || status().contains(&place));
    assert_eq!(farm.served(name), told, "the old code is served");
    assert!(farm.view(name, "Special:RecentChanges").body.contains(">Told by Gerrit"));

    push("includes/MagicWord.php", &good);
    farm.settle(&[name]);
    wait("the fault is forgotten", || !status().contains(&place));

    // A commit of the configuration tells by itself.
    farm.configure_wiki(name, "<?php\nwfLoadSkin( 'Vector' );\n$wgSitename = 'Configured';\n");
    wait("the configuration is served", || farm.view(name, "Main_Page").body.contains("<title>Configured</title>"));
    follower.stop();
    worker.stop();
}
