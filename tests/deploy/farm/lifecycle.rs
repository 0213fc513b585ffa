//! From the request for a wiki to its end.

use super::{Farm, Plan, core};

#[test]
fn a_wiki_is_made_pushed_to_configured_broken_and_reverted_with_fpm() {
    lifecycle("fpm");
}

#[test]
fn a_wiki_is_made_pushed_to_configured_broken_and_reverted_with_itk() {
    lifecycle("itk");
}

fn lifecycle(web: &'static str) {
    let farm = Farm::start(&Plan::of(web));
    farm.create("a");
    assert!(farm.page("a").starts_with("index 1 page 1 site a-"), "{}", farm.page("a"));

    // Again: nothing changes.
    let said = farm.mwfarm(["wiki", "create", &farm.name("a")]).well();
    assert!(said.contains("is there already"), "{said}");

    farm.push("a", &core::files("2"));
    farm.deploy("a").well();
    assert!(farm.page("a").starts_with("index 2 page 2 site a-"), "{}", farm.page("a"));

    farm.configure_wiki("a", "<?php\n$wgSitename = 'Configured';");
    farm.deploy("a").well();
    assert!(farm.page("a").starts_with("index 2 page 2 site Configured "), "{}", farm.page("a"));
}
