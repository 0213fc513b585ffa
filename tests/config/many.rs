//! Many wikis: no file is looked through for each of them.

use mwfarm::config::farms::{Entry, Scope};
use mwfarm::config::settings::{Kind, Levels, Names, Prepared, resolve};
use mwfarm::config::value::{Key, Node, Value};
use mwfarm::farm::WikiId;

use super::values::{map, node, text};

const WIKIS: usize = 1_000;
const SETTINGS: usize = 500;
const FILES: usize = 40;

/// 1,000 wikis with 500 settings each, out of 40 files: a value for every wiki in every one of 20, and 20 with keys.
#[test]
fn a_thousand_wikis_of_five_hundred_settings() {
    let ids: Vec<WikiId> = (0..WIKIS).map(|at| WikiId::new(&format!("w{at}wiki")).expect("a wiki")).collect();
    let tags = ["small".to_owned(), "closed".to_owned()];
    let files: Vec<(Entry, Node)> = (0..FILES).map(|index| (entry(index), content(index))).collect();

    let mut names = Names::default();
    let prepared: Vec<Prepared<'_>> = files
        .iter()
        .map(|(entry, root)| {
            let (prepared, findings) = Prepared::new(root, Kind::of(&entry.scope).expect("settings"), &mut names);
            assert!(findings.is_empty(), "{findings:?}");
            prepared
        })
        .collect();
    let files: Vec<_> = files.iter().map(|(entry, _)| entry).zip(&prepared).collect();
    for (at, id) in ids.iter().enumerate() {
        let resolved = resolve(&names, &Levels::new(id, "wiki", &tags), &files);
        assert_eq!(resolved.settings.len(), SETTINGS, "{id}");
        let own = resolved.settings.iter().find(|setting| setting.name == "wgS14").and_then(|own| own.value.as_deref());
        assert_eq!(own, Some(&text(&format!("own {at}"))), "{id}");
    }
}

fn entry(index: usize) -> Entry {
    let scope = match index % 4 {
        0 => Scope::Fixed("default".to_owned()),
        1 => Scope::Star { before: String::new(), behind: "wiki".to_owned(), default: Some("wiki".to_owned()) },
        2 => Scope::Star { before: String::new(), behind: String::new(), default: None },
        _ => Scope::Fixed("small".to_owned()),
    };
    Entry { file: format!("{index}.yml"), scope, index }
}

/// 25 names a file; each name is in two files.
fn content(index: usize) -> Node {
    let names = (0..=SETTINGS / FILES * 2).map(|at| (index * SETTINGS / FILES + at) % SETTINGS);
    let value = |number: usize| match (index % 4, number % 5) {
        (0 | 3, 0) => (format!("+wgS{number}"), rights(index)),
        (0 | 3, _) => (format!("wgS{number}"), text(&format!("value {index}"))),
        (_, 0) => {
            let own = (0..WIKIS / 10).map(|at| (format!("+{}", key(index, at * 10)), rights(at)));
            (format!("+wgS{number}"), map(own.chain([("default".to_owned(), rights(index))])))
        }
        _ => {
            let own = (0..WIKIS).map(|at| (key(index, at), text(&format!("own {at}"))));
            (format!("wgS{number}"), map(own.chain([("default".to_owned(), text("all"))])))
        }
    };
    map(names.map(value))
}

fn key(index: usize, wiki: usize) -> String {
    if index % 4 == 1 { format!("w{wiki}") } else { format!("w{wiki}wiki") }
}

fn rights(salt: usize) -> Node {
    let group = |group: &str| {
        let right =
            |at: usize| (Key::of(format!("right{at}").as_bytes()), node(Value::Bool((at + salt).is_multiple_of(3))));
        (group.to_owned(), node(Value::Map((0..8).map(right).collect())))
    };
    map([group("*"), group("user"), group("sysop")])
}
