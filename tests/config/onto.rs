//! Diffs: what the statements of LocalSettings.php do at run time is what the compiler says they do.

use std::path::Path;

use mwfarm::config::local_settings;
use mwfarm::config::settings::Setting;
use mwfarm::config::settings::merge::onto;
use mwfarm::config::value::{Key, Node, Value};

use super::php::compare;
use super::values::{cases, list, map, meeting, meeting_array, node, seed, text};
use crate::farm::composer;
use crate::farm::random::Random;

#[test]
fn statements_put_diffs_onto_what_mediawiki_has() {
    let mut random = Random::new(seed());
    let mut all = Vec::new();
    for _ in 0..cases(2_000) {
        let diff = meeting_array(&mut random, 3);
        let base = if random.chance(75) { meeting_array(&mut random, 3) } else { meeting(&mut random, 2) };
        let setting =
            Setting { name: "wgX", variable: "wgX".into(), value: None, diff: Some(std::borrow::Cow::Borrowed(&diff)) };
        let mut code = String::new();
        local_settings::settings(&[setting], &mut local_settings::Written::default(), &mut code);
        let result = onto(&base, &diff);
        all.push(map([("base", base), ("code", text(&code)), ("result", result)]));
        if random.chance(5) {
            // A variable that nobody has set.
            all.push(map([("code", text(&code)), ("result", onto(&node(Value::Null), &diff))]));
        }
    }
    let count = all.len();
    let all = list(all).value;
    let class = Path::new(env!("CARGO_MANIFEST_DIR")).join("php/Settings.php");
    for php in [Path::new("php"), &composer::php74()] {
        assert_eq!(compare(php, "onto.php", &all, &[&class]), count, "{}", php.display());
    }
}

/// The diffs of several levels may become one before they meet MediaWiki's value.
#[test]
fn diffs_can_be_gathered_first() {
    let mut random = Random::new(seed());
    let mut changed = 0;
    for _ in 0..cases(2_000) {
        let [base, low, high] = [(); 3].map(|()| regular(&mut random, 3));
        let one_by_one = onto(&onto(&base, &low), &high);
        assert_eq!(one_by_one, onto(&base, &onto(&low, &high)), "{base:?} {low:?} {high:?}");
        changed += usize::from(one_by_one != base);
    }
    assert!(changed * 2 > cases(2_000), "only {changed} diffs change anything: that proves little");
}

/// A map in which each key says what is below it: a list, a map or neither.
fn regular(random: &mut Random, depth: usize) -> Node {
    let mut pairs = Vec::new();
    for key in ["list", "7", "map", "8", "a", "9"] {
        if random.chance(50) {
            continue;
        }
        let value = match key {
            "list" | "7" => list((0..random.below(3)).map(|_| node(Value::Int(random.next().cast_signed()))).collect()),
            "map" | "8" if depth > 0 => regular(random, depth - 1),
            "map" | "8" => continue,
            _ => node(Value::Bool(random.chance(50))),
        };
        pairs.push((Key::of(key.as_bytes()), value));
    }
    random.shuffle(&mut pairs);
    node(Value::Map(pairs))
}
