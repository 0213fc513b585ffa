//! Redirects.

use super::*;

const WIKIS: &str = "wikis:\n  server: '(?<lang>[a-z]+)\\.wiki\\.org'\n  variables: [{variable: lang, values: [fr, de]}]\n  \
                     suffix: wiki\n  wikiID: ${lang}wiki\n";

fn with(redirects: &str) -> Case {
    Case::new(&format!("{}{redirects}", WIKIS.replace("${lang}", "$lang")))
}

#[test]
fn redirects_are_more_hosts() {
    for (redirects, expected) in [
        ("r: {server: 'www\\.org', redirect: fr.wiki.org}", &["dewiki de.wiki.org", "frwiki fr.wiki.org www.org"]),
        ("r: {server: 'www\\.org', redirect: FR.wiki.org/}", &["dewiki de.wiki.org", "frwiki fr.wiki.org www.org"]),
        (
            "r: {server: '(?<L>[a-z]+)\\.old\\.org', redirect: $l.wiki.org}",
            &["dewiki de.wiki.org de.old.org", "frwiki fr.wiki.org fr.old.org"],
        ),
        (
            "r: {server: '(?<l>fr)\\.(x|y)\\.org/p', redirect: $l.wiki.org}",
            &["dewiki de.wiki.org", "frwiki fr.wiki.org fr.x.org/p fr.y.org/p"],
        ),
        (
            "r: {server: 'org/(?<l>[a-z]+)', redirect: $l.old.org}\ns: {server: '(?<l>[a-z]+)\\.old\\.org', redirect: $l.wiki.org}",
            &["dewiki de.wiki.org de.old.org org/de", "frwiki fr.wiki.org fr.old.org org/fr"],
        ),
    ] {
        with(redirects).wikis(expected);
    }
}

fn chain(length: usize) -> String {
    let line = |i| {
        format!(
            "r{i}: {{server: 'h{i}\\.org', redirect: {}}}\n",
            if i == 1 { "fr.wiki.org".to_owned() } else { format!("h{}.org", i - 1) }
        )
    };
    (1..=length).map(line).collect()
}

#[test]
fn five_redirects_are_followed() {
    with(&chain(5)).wikis(&["dewiki de.wiki.org", "frwiki fr.wiki.org h1.org h2.org h3.org h4.org h5.org"]);
    with(&chain(7)).finds(
        &[
            "error r6.redirect: `h6.org` gets to the wiki `frwiki` by more than 5 redirects only",
            "error r7.redirect: `h7.org` gets to a wiki by more than 5 redirects only",
        ],
        &["dewiki de.wiki.org", "frwiki fr.wiki.org h1.org h2.org h3.org h4.org h5.org"],
    );
}

#[test]
fn redirects_that_get_nowhere_are_told() {
    let wikis = &["dewiki de.wiki.org", "frwiki fr.wiki.org"];
    with("r: {server: 'a\\.org', redirect: b.org}\ns: {server: 'b\\.org', redirect: a.org}").finds(
        &[
            "error r.redirect: leads in a circle: `a.org` → `b.org` → `a.org`",
            "error s.redirect: leads in a circle: `b.org` → `a.org` → `b.org`",
        ],
        wikis,
    );
    with("r: {server: 'a\\.org', redirect: a.org}")
        .finds(&["error r.redirect: leads in a circle: `a.org` → `a.org`"], wikis);
    with("r: {server: 'a\\.org', redirect: en.wiki.org}")
        .finds(&["warning r.redirect: leads to `en.wiki.org`, where there is no wiki"], wikis);
    with("r: {server: 'xx\\.wiki\\.org', redirect: fr.wiki.org}")
        .finds(&["warning r.server: the host `xx.wiki.org` is one of `wikis` too, which is tried first"], wikis);
    with("r: {server: '(?<a>[a-z]+)\\.org', redirect: $b.org}")
        .finds(&["error r.redirect: has the variable `$b`, which nothing sets"], wikis);
    with("r: {server: '(?<a>[a-z]+)\\.org', redirect: $SERVER}")
        .finds(&["error r.redirect: has the variable `$SERVER`, which is not set yet"], wikis);
    with("r: {server: 'a', redirect: fr.wiki.org, suffix: x}").finds(
        &["warning r.suffix: is not used, because the entry is a redirect"],
        &["dewiki de.wiki.org", "frwiki fr.wiki.org a"],
    );
    let found = with("r: {server: '.+\\.old\\.org', redirect: fr.wiki.org}")
        .finds(&["warning r.server: has hosts that cannot be enumerated: each request is matched"], wikis);
    assert_eq!(found.patterns[0].target, Target::Redirect("fr.wiki.org".to_owned()));
    assert_eq!(found.patterns[0].farm, "r");
}

#[test]
fn a_redirect_that_is_tried_first_takes_hosts() {
    let main =
        format!("r: {{server: 'fr\\.wiki\\.org', redirect: de.wiki.org}}\n{}", WIKIS.replace("${lang}", "$lang"));
    Case::new(&main).finds(
        &["warning wikis.server: the host `fr.wiki.org` is one of `r` too, which is tried first and has no wiki there [frwiki]"],
        &["dewiki de.wiki.org fr.wiki.org"],
    );
}
