//! Versions, and the wikis that exist because a version is given.

use super::*;

const FARM: &str = "f:\n  server: '(?<lang>[a-z]+)\\.(?<family>[a-z]+)\\.org'\n  variables:\n  \
                    - {variable: lang, values: [fr, de]}\n  - {variable: family, values: [wiki]}\n  suffix: $family\n  \
                    wikiID: $lang$family\n  versions: versions.yml\n  deployments: done\n";

fn asked(found: &Enumeration, id: &str) -> String {
    found.wiki(id).version.as_ref().map(|(version, _)| version.clone()).expect("a version")
}

#[test]
fn the_wiki_goes_before_the_suffix_and_the_suffix_before_the_default() {
    for (versions, french, german) in [
        ("{frwiki: v1, wiki: v2, default: v3}", "v1", "v2"),
        ("{default: v3, frwiki: v1}", "v1", "v3"),
        ("{default: v3, wiki: v2}", "v2", "v2"),
    ] {
        let case = Case::new(FARM).versions(&["v1", "v2", "v3"]).file("versions.yml", versions);
        let found = case.wikis(&["dewiki de.wiki.org", "frwiki fr.wiki.org"]);
        assert_eq!((asked(&found, "frwiki").as_str(), asked(&found, "dewiki").as_str()), (french, german));
        let wiki = found.wiki("frwiki");
        assert_eq!(wiki.deployments.as_deref(), Some("done.php"));
        assert_eq!(wiki.variables["CODE"], format!("/srv/{french}"));
    }
}

#[test]
fn a_version_that_is_no_directory_is_an_error_of_its_wiki() {
    for (version, reason) in [
        ("v9", "the version `v9` is no directory with MediaWiki"),
        ("../v1", "the version `../v1` is no plain name of a directory"),
        ("-v1", "the version `-v1` is no plain name"),
        (".v1", "the version `.v1` is no plain name"),
        ("v1!", "the version `v1!` is no plain name"),
        ("''", "the version `` is no plain name"),
        ("[v1]", "the version is no text"),
        ("\"v1\\n\"", "the version `v1\\n` is no plain name"),
    ] {
        Case::new(FARM)
            .versions(&["v1", "../v1", "-v1", ".v1", "v1!", "", "v1\n"])
            .file("versions.yml", &format!("{{frwiki: {version}, wiki: v1, default: v1}}"))
            .finds(&[&format!("error frwiki: {reason}")], &["dewiki de.wiki.org"]);
    }
    let found = Case::new(FARM).versions(&["v1"]).file("versions.yml", "{frwiki: v1}").finds(
        &["error f.versions: gives no version to the wiki `dewiki`, to its suffix, or as `default` [dewiki]"],
        &["frwiki fr.wiki.org"],
    );
    assert_eq!(found.broken.iter().map(WikiId::as_str).collect::<Vec<_>>(), ["dewiki"]);
    Case::new(FARM).versions(&["v1"]).finds(&["error : is missing"], &[]);
    Case::new(FARM).versions(&["v1"]).file("versions.yml", "[v1]").finds(&["error : is a list, not a map"], &[]);
    let none = FARM.replace("versions: versions.yml", "data: $lang");
    Case::new(&none).versions(&["v1"]).finds(&["error f: has no `versions`, and no dictionary"], &[]);
    Case::new(FARM).wikis(&["dewiki de.wiki.org", "frwiki fr.wiki.org"]);
}

#[test]
fn the_last_dictionary_goes_first() {
    let case = Case::new(
        "f:\n  server: '(?<lang>[a-z]+)\\.(?<family>[a-z]+)\\.org'\n  variables:\n  \
         - {variable: lang, file: $family.yml}\n  - {variable: family, values: {wiki: v1, source: }}\n  \
         suffix: $family\n  wikiID: $lang$family\n  versions: versions.yml\n",
    )
    .file("wiki.yml", "{fr: v2}")
    .file("source.yml", "{fr: v3, de: }")
    .file("versions.yml", "{desource: v4, frsource: v5}")
    .versions(&["v1", "v2", "v3", "v4", "v5"]);
    let found = case.wikis(&["desource de.source.org", "frsource fr.source.org", "frwiki fr.wiki.org"]);
    assert_eq!(asked(&found, "frwiki"), "v1");
    assert_eq!(asked(&found, "frsource"), "v3");
    assert_eq!(asked(&found, "desource"), "v4");
}

#[test]
fn versions_keep_their_text() {
    let mark = Mark { file: FileId(3), line: 7 };
    let version = Node { value: Value::Float(1.4, "1.40".into()), mark };
    let root = Node { value: Value::Map(vec![(Key::Text("default".into()), version)]), mark };
    let found = Case::new(FARM).versions(&["1.40"]).node("versions.yml", root).run();
    let (version, mark) = found.wiki("frwiki").version.clone().expect("a version");
    assert_eq!((version.as_str(), mark.line, mark.file), ("1.40", 7, FileId(3)));
}

#[test]
fn variables_follow_the_version_that_runs() {
    let main = FARM.replace("deployments: done", "data: $CODE/$VERSION/$lang");
    let found =
        Case::new(&main).versions(&["v1", "v2"]).file("versions.yml", "{default: v2}").active("frwiki", "v1").run();
    assert_eq!(asked(&found, "frwiki"), "v2");
    assert_eq!(found.wiki("frwiki").data.as_deref(), Some("/srv/v1/v1/fr"));
    assert_eq!(found.wiki("dewiki").data.as_deref(), Some("/srv/v2/v2/de"));
}

#[test]
fn a_version_makes_a_wiki_exist() {
    let main = FARM.replace("  - {variable: lang, values: [fr, de]}\n", "");
    Case::new(&main).finds(
        &["error f.wikiID: has a wikiID with `lang`, of which there is no list, so that its wikis are not known"],
        &[],
    );
    let case =
        Case::new(&main).versions(&["v1"]).file("versions.yml", "{enwiki: v1, wiki: v1, default: v1, other: v1}");
    let found = case.finds(
        &["warning f.wikiID: has a wikiID with `lang`, of which there is no list: its wikis are those that `versions` names"],
        &["enwiki en.wiki.org"],
    );
    assert!(found.patterns.is_empty());
    assert_eq!(found.wiki("enwiki").variables["lang"], "en");

    // Without any list, `enwiki` may be en.wiki, or e.nwiki.
    let main = FARM
        .replace("  variables:\n  - {variable: lang, values: [fr, de]}\n  - {variable: family, values: [wiki]}\n", "");
    let case = Case::new(&main).versions(&["v1"]).file("versions.yml", "{enwiki: v1}");
    let found = case.finds(
        &["warning f.server: has a wikiID with `lang`, `family`, of which there is no list, and more than one host leads \
           to the wikiID `enwiki` in `versions`: each request is matched"],
        &[],
    );
    assert_eq!(found.patterns.len(), 1);

    let main = main.replace("wikiID: $lang$family", "wikiID: $lang-$family");
    let found = Case::new(&main).versions(&["v1"]).file("versions.yml", "{en-wiki: v1}").run();
    assert_eq!(found.table(), ["en-wiki en.wiki.org"]);
}

#[test]
fn hosts_that_cannot_be_enumerated_are_matched() {
    let main = "f:\n  server: '(?<any>[a-z]+)\\.(?<w>[a-z]+)\\.org'\n  variables: [{variable: w, values: [a, b]}]\n  \
                suffix: fam\n  wikiID: $wfam\n  data: /srv/$w\n";
    let found = Case::new(main).finds(
        &["warning f.server: has hosts that cannot be enumerated, because there is no list of `any`: each request is matched"],
        &["afam", "bfam"],
    );
    assert_eq!(found.patterns[0].matcher.groups, ["any", "w"]);
    assert_eq!(found.wiki("afam").data.as_deref(), Some("/srv/a"));
    Case::new(&main.replace("/srv/$w", "/srv/$any/$w")).finds(
        &["warning f.server: ", "error f.data: has the variable `$any`, which has no value for all hosts of the farm"],
        &[],
    );
    let explosive = main.replace("(?<any>[a-z]+)", "(?<any>([a-z]+)+)");
    Case::new(&explosive)
        .finds(&["error f.server: repeats something of no fixed length without end"], &["afam", "bfam"]);
}

/// The larger example that MediaWikiFarm comes with: the list of languages depends on a family without list.
#[test]
fn a_list_may_depend_on_a_value_that_versions_give() {
    let case = Case::new(
        "f:\n  server: '(?P<lang>[a-z-]+)\\.(?<family>[a-z]+)\\.org'\n  variables:\n  - variable: family\n  \
         - {variable: lang, file: org/$family.dblist}\n  suffix: $family\n  wikiID: $lang$family\n  \
         versions: versions.json\n",
    )
    .versions(&["v1"])
    .file("org/wiki.dblist", "[fr, de]")
    .file("org/source.dblist", "[en]")
    .file("versions.json", "{frwiki: v1, ensource: v1, ptwiki: v1, wiki: v1, default: v1}");
    case.finds(
        &["warning f.wikiID: has a wikiID with `family`, of which there is no list: its wikis are those that"],
        &["ensource en.source.org", "frwiki fr.wiki.org"],
    );
}
