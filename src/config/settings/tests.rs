use serde_json::Value as Json;

use super::*;
use crate::config::farms::Scope;
use crate::config::finding::{Place, Severity};
use crate::config::value::{FileId, Key, Mark, Text};
use crate::farm::WikiId;

/// A file of a case: its entry, and what is in it as JSON.
struct File {
    entry: Entry,
    root: Node,
    kind: Kind,
}

fn fixed(key: &str, content: &str) -> File {
    file(Scope::Fixed(key.to_owned()), content)
}

fn star(key: &str, content: &str) -> File {
    star_with_default(key, None, content)
}

fn star_with_default(key: &str, default: Option<&str>, content: &str) -> File {
    let (before, behind) = key.split_once('*').expect("a star");
    file(Scope::Star { before: before.into(), behind: behind.into(), default: default.map(str::to_owned) }, content)
}

fn file(scope: Scope, content: &str) -> File {
    let kind = Kind::of(&scope).expect("a settings file");
    File { entry: Entry { file: "a file".to_owned(), scope, index: 0 }, root: node(content), kind }
}

pub(super) fn node(json: &str) -> Node {
    from_json(&serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}")))
}

fn from_json(json: &Json) -> Node {
    let value = match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match number.as_i64() {
            Some(number) => Value::Int(number),
            None => Value::Float(number.as_f64().expect("a float"), number.to_string().into()),
        },
        Json::String(text) => Value::Text(Text::from(text.as_str())),
        Json::Array(items) => Value::List(items.iter().map(from_json).collect()),
        Json::Object(pairs) => {
            Value::Map(pairs.iter().map(|(key, value)| (Key::of(key.as_bytes()), from_json(value))).collect())
        }
    };
    Node { value, mark: Mark { file: FileId(0), line: 1 } }
}

/// Resolves for `mywiki` of the suffix `wiki`, with the tags `t1`, `t2`; files must be without errors.
fn with<T>(files: &mut [File], then: impl FnOnce(&Names<'_>, &Levels<'_>, &[(&Entry, &Prepared<'_>)]) -> T) -> T {
    let id = WikiId::new("mywiki").expect("a wiki");
    let tags = ["t1".to_owned(), "t2".to_owned()];
    for (index, file) in files.iter_mut().enumerate() {
        file.entry.index = index;
        file.entry.file = format!("{}.yml", char::from(b'a' + u8::try_from(index).expect("few files")));
    }
    let mut names = Names::default();
    let prepared: Vec<_> = files
        .iter()
        .map(|file| {
            let (prepared, findings) = Prepared::new(&file.root, file.kind, &mut names);
            assert!(findings.iter().all(|finding| finding.severity == Severity::Warning), "{findings:?}");
            prepared
        })
        .collect();
    let files: Vec<_> = files.iter().map(|file| &file.entry).zip(&prepared).collect();
    then(&names, &Levels::new(&id, "wiki", &tags), &files)
}

/// What the settings are: `name` with values, `+name` with diffs, in their order.
#[track_caller]
fn check<const N: usize>(mut files: [File; N], expected: &str) {
    let resolved = with(&mut files, |names, levels, files| {
        let settings = resolve(names, levels, files).settings;
        let value = |setting: &Setting<'_>| setting.value.clone().map(|node| (setting.name.into(), node.into_owned()));
        let diff =
            |setting: &Setting<'_>| setting.diff.clone().map(|node| (format!("+{}", setting.name), node.into_owned()));
        let both = settings.iter().flat_map(|setting| [value(setting), diff(setting)]).flatten();
        Value::Map(both.map(|(name, node)| (Key::of(name.as_bytes()), node)).collect())
    });
    assert_eq!(resolved, node(expected).value, "{expected}");
}

#[test]
fn quirks_are_gone() {
    let all = |content| star("*", content);
    // Q1
    check([all(r#"{"wgX": {"default": ["d"], "+mywiki": ["w"]}}"#)], r#"{"wgX": ["w", "d"]}"#);
    // Q2
    check([all(r#"{"wgX": {"default": ["d"], "+wiki": ["s"], "+mywiki": ["w"]}}"#)], r#"{"wgX": ["w", "s", "d"]}"#);
    // Q3
    check([all(r#"{"wgX": {"wiki": ["s"], "+mywiki": ["w"]}}"#)], r#"{"wgX": ["w", "s"]}"#);
    // Q4, Q5
    let (default, wiki) = (r#"{"wgX": {"default": ["d"]}}"#, r#"{"wgX": {"+mywiki": ["w"]}}"#);
    check([all(default), all(wiki)], r#"{"wgX": ["w", "d"]}"#);
    check([all(wiki), all(default)], r#"{"wgX": ["w", "d"]}"#);
    // Q6
    check(
        [all(r#"{"wgX": {"mywiki": [1]}}"#), all(r#"{"wgX": {"+mywiki": [2]}}"#), all(r#"{"wgX": {"wiki": [9]}}"#)],
        r#"{"wgX": [2, 1]}"#,
    );
    // Q7
    let suffix = |content| star_with_default("*wiki", Some("wiki"), content);
    check([suffix(r#"{"wgX": {"default": 1}}"#), suffix(r#"{"wgX": {"default": 2}}"#)], r#"{"wgX": 2}"#);
    // Q8
    check([star_with_default("*wiki", Some("other"), r#"{"wgX": {"default": "d"}}"#)], "{}");
    // Q9
    check(
        [fixed("default", r#"{"+wgX": {"a": 1}}"#), fixed("mywiki", r#"{"+wgX": {"b": 2}}"#)],
        r#"{"+wgX": {"b": 2}}"#,
    );
    // Q10
    check(
        [fixed("default", r#"{"+wgX": {"a": 1}}"#), fixed("mywiki", r#"{"wgX": {"b": 2}}"#)],
        r#"{"wgX": {"b": 2, "a": 1}}"#,
    );
    // Q12
    check([all(r#"{"wgX": {"default": "s"}}"#), all(r#"{"wgX": {"+mywiki": [2]}}"#)], r#"{"wgX": "s"}"#);
    // Q13
    check([all(r#"{"wgX": {"default": "d", "mywiki": null}}"#)], "{}");
}

/// The column of the original, run, in the table of its quirks.
#[test]
fn what_the_original_makes_of_it_is_known() {
    #[track_caller]
    fn differs<const N: usize>(mut files: [File; N], expected: Option<Original>) {
        let found = with(&mut files, |names, levels, files| {
            let resolved = resolve(names, levels, files);
            let found = differences(names, levels, files, &resolved.settings);
            found.into_iter().map(|difference| (difference.name.to_owned(), difference.original)).collect::<Vec<_>>()
        });
        assert_eq!(found, Vec::from_iter(expected.map(|original| ("wgX".to_owned(), original))));
    }
    let all = |content| star("*", content);
    let value = |content| Some(Original::Value(node(content)));
    // Q1, Q2, Q3
    differs([all(r#"{"wgX": {"default": ["d"], "+mywiki": ["w"]}}"#)], value(r#"["w"]"#));
    let content = r#"{"wgX": {"default": ["d"], "+wiki": ["s"], "+mywiki": ["w"]}}"#;
    differs([all(content)], value(r#"["w", "s"]"#));
    differs([all(r#"{"wgX": {"wiki": ["s"], "+mywiki": ["w"]}}"#)], value(r#"["s"]"#));
    // Q4, Q5
    let (default, wiki) = (r#"{"wgX": {"default": ["d"]}}"#, r#"{"wgX": {"+mywiki": ["w"]}}"#);
    differs([all(default), all(wiki)], value(r#"["d", "w"]"#));
    differs([all(wiki), all(default)], value(r#"["w"]"#));
    // Q6
    differs(
        [all(r#"{"wgX": {"mywiki": [1]}}"#), all(r#"{"wgX": {"+mywiki": [2]}}"#), all(r#"{"wgX": {"wiki": [9]}}"#)],
        value("[9]"),
    );
    // Q7, Q8
    let suffix = |content| star_with_default("*wiki", Some("wiki"), content);
    differs([suffix(r#"{"wgX": {"default": 1}}"#), suffix(r#"{"wgX": {"default": 2}}"#)], value("1"));
    differs([star_with_default("*wiki", Some("other"), r#"{"wgX": {"default": "d"}}"#)], value(r#""d""#));
    // Q9, Q10
    differs([fixed("default", r#"{"+wgX": {"a": 1}}"#), fixed("mywiki", r#"{"+wgX": {"b": 2}}"#)], None);
    differs([fixed("default", r#"{"+wgX": {"a": 1}}"#), fixed("mywiki", r#"{"wgX": {"b": 2}}"#)], None);
    // Q12, Q13
    differs([all(r#"{"wgX": {"default": "s"}}"#), all(r#"{"wgX": {"+mywiki": [2]}}"#)], Some(Original::Fails));
    differs([all(r#"{"wgX": {"default": "d", "mywiki": null}}"#)], value("null"));
    // Tags are not known, and the documentation's example does not come out.
    differs([fixed("default", r#"{"wgX": 1}"#), fixed("t1", r#"{"wgX": 2}"#)], value("1"));
    differs([fixed("t1", r#"{"wgX": 2}"#)], Some(Original::Unset));
    differs(
        [all(r#"{"+wgX": {"default": {"*": {"read": true}}, "+mywiki": {"user": {"edit": false}}}}"#)],
        Some(Original::Diff(node(r#"{"user": {"edit": false}}"#))),
    );
    differs([fixed("wiki", r#"{"wgX": 1}"#), fixed("wiki", r#"{"wgX": 2}"#)], None);
    // Most settings are the same; a map whose keys are those of a list is that list.
    differs([fixed("default", r#"{"wgX": [1]}"#), all(r#"{"wgX": {"wiki": {"0": 2}, "default": [3]}}"#)], None);
    differs([all(r#"{"wgX": {"default": {"a": [1], "b": [2]}}}"#), all(r#"{"wgX": {"+wiki": {"5": 1}}}"#)], {
        value(r#"{"a": [1], "b": [2], "5": 1}"#)
    });
}

#[test]
fn quirks_are_refused() {
    // Q11, Q14, and what is refused beside them
    for (kind, content, field, message) in [
        (Kind::Star, r#"{"wgX": true}"#, "wgX", "must be a map"),
        (Kind::Star, r#"{"wgX": null}"#, "wgX", "must be a map"),
        (Kind::Star, r#"{"wgX": [1]}"#, "wgX", "must be a map"),
        (Kind::Star, r#"{"wgX": {"default": "d", "+mywiki": "w"}}"#, "wgX.+mywiki", "not a text"),
        (Kind::Star, r#"{"+wgX": {"mywiki": "w"}}"#, "+wgX.mywiki", "not a text"),
        (Kind::Star, r#"{"wgX": {"+default": ["d"]}}"#, "wgX.+default", "it must be `default`"),
        (Kind::Fixed, r#"{"+wgX": true}"#, "+wgX", "not true"),
        (Kind::Fixed, r#"{"+wgX": null}"#, "+wgX", "not null"),
        (Kind::Fixed, r#"["wgX"]"#, "", "must be a map of settings, not a list"),
        (Kind::Fixed, r#""wgX""#, "", "must be a map of settings, not a text"),
    ] {
        let root = node(content);
        let (_, findings) = Prepared::new(&root, kind, &mut Names::default());
        let [finding] = &findings[..] else { panic!("{content}: {findings:?}") };
        assert_eq!((finding.severity, finding.field.as_str()), (Severity::Error, field), "{content}");
        assert!(finding.message.contains(message), "{content}: {}", finding.message);
        assert!(matches!(finding.place, Place::Mark(Mark { line: 1, .. })), "{content}");
    }
}

#[test]
fn the_example_of_the_documentation_comes_out_as_documented() {
    check(
        [star(
            "*",
            r#"{"+wgGroupPermissions": {
                "default": {"*": {"read": true, "edit": false}, "user": {"read": true, "edit": true}},
                "+mywiki": {"user": {"edit": false, "apihighlimits": true}, "autoconfirmed": {"edit": true}}}}"#,
        )],
        r#"{"+wgGroupPermissions": {
            "*": {"read": true, "edit": false},
            "user": {"read": true, "edit": false, "apihighlimits": true},
            "autoconfirmed": {"edit": true}}}"#,
    );
}

#[test]
fn levels_are_in_order_whatever_the_order_of_the_files() {
    let mut files = vec![
        (fixed("default", r#"{"wgX": 1, "wgL": ["x"]}"#), "1"),
        (star("*", r#"{"wgX": {"default": 2}}"#), "2"),
        (star("*", r#"{"wgX": {"wiki": 3}}"#), "3"),
        (star("*", r#"{"wgX": {"t2": 4}}"#), "4"),
        (star("*", r#"{"wgX": {"t1": 5}}"#), "5"),
        (fixed("mywiki", r#"{"wgX": 6}"#), "6"),
    ];
    while let Some((_, highest)) = files.last() {
        let highest = node(highest);
        for turn in 0..files.len() {
            let mut turned: Vec<File> = files.iter().map(|(file, _)| file.copy()).collect();
            turned.rotate_left(turn);
            let value = with(&mut turned, |names, levels, files| {
                let resolved = resolve(names, levels, files);
                let setting = resolved.settings.iter().find(|setting| setting.name == "wgX").expect("it is set");
                setting.value.clone().expect("a value").into_owned()
            });
            assert_eq!(value, highest, "turned by {turn}");
        }
        files.pop();
    }
}

impl File {
    fn copy(&self) -> Self {
        Self { entry: self.entry.clone(), root: self.root.clone(), kind: self.kind }
    }
}

#[test]
fn within_a_level_the_later_file_is_higher() {
    check([fixed("wiki", r#"{"wgX": 1}"#), fixed("wiki", r#"{"wgX": 2}"#)], r#"{"wgX": 2}"#);
    check([fixed("wiki", r#"{"wgX": 1}"#), star("*", r#"{"wgX": {"wiki": 2}}"#)], r#"{"wgX": 2}"#);
    check([star("*", r#"{"wgX": {"wiki": 1}}"#), fixed("wiki", r#"{"wgX": 2}"#)], r#"{"wgX": 2}"#);
    // At one level of one file, `x` is higher than `+x`, and `default` the lowest.
    check([star("*", r#"{"wgX": {"+mywiki": [2], "mywiki": [1]}}"#)], r#"{"wgX": [1]}"#);
    let named = |content| star_with_default("*", Some("wiki"), content);
    check([named(r#"{"wgX": {"default": [1], "wiki": [2]}}"#)], r#"{"wgX": [2]}"#);
    check([named(r#"{"wgX": {"default": [1], "+wiki": [2]}}"#)], r#"{"wgX": [2, 1]}"#);
    check([named(r#"{"wgX": {"wiki": [2]}}"#), named(r#"{"wgX": {"default": [1]}}"#)], r#"{"wgX": [1]}"#);
}

#[test]
fn stars_stand_for_one_byte_or_more() {
    let content = r#"{"wgX": {"my": 1, "t": 2, "mywiki": 3, "": 4, "default": 5}}"#;
    check([star("*wiki", content)], r#"{"wgX": 1}"#);
    check([star("*", content)], r#"{"wgX": 3}"#);
    check([star("*1", content)], r#"{"wgX": 2}"#);
    // The bare suffix does not match, nor does a wiki of another name.
    check([star("*wiki", r#"{"wgX": {"": 4, "wiki": 3, "default": 5}}"#)], r#"{"wgX": 5}"#);
    check([star("x*", content)], r#"{"wgX": 5}"#);
    // What is around the star is no pattern.
    check([star("m.*", r#"{"wgX": {"wiki": 1}}"#)], "{}");
    // Before and behind may not share bytes.
    check([star("mywi*iki", r#"{"wgX": {"": 1, "w": 2}}"#)], "{}");
    check([star("my*ki", r#"{"wgX": {"wi": 1}}"#)], r#"{"wgX": 1}"#);
}

#[test]
fn default_names_a_level_of_the_wiki() {
    let named = |name, value: u8| star_with_default("*", Some(name), &format!(r#"{{"wgX": {{"default": {value}}}}}"#));
    check([named("t2", 4), named("wiki", 3), named("default", 2)], r#"{"wgX": 4}"#);
    check([named("mywiki", 5), named("t1", 4)], r#"{"wgX": 5}"#);
    check([named("t3", 4), named("mywik", 5)], "{}");
}

#[test]
fn fixed_keys_are_exact() {
    check([fixed("t1", r#"{"wgX": 1}"#)], r#"{"wgX": 1}"#);
    check([fixed("t", r#"{"wgX": 1}"#), fixed("mywiki2", r#"{"wgX": 1}"#), fixed("", r#"{"wgX": 1}"#)], "{}");
}

#[test]
fn a_name_that_stands_for_two_levels_is_heard_once() {
    let id = WikiId::new("wiki").expect("a wiki");
    let tags = ["wiki".to_owned(), "t".to_owned(), "t".to_owned(), "default".to_owned()];
    let levels = Levels::new(&id, "wiki", &tags);
    let mut names = Names::default();
    let root = node(r#"{"wgX": {"+wiki": [1], "+t": [2], "default": [3]}}"#);
    let (prepared, _) = Prepared::new(&root, Kind::Star, &mut names);
    let file = star("*", "{}");
    let resolved = resolve(&names, &levels, &[(&file.entry, &prepared)]);
    assert_eq!(*resolved.settings[0].value.as_deref().expect("a value"), node("[1, 2, 3]"));
}

#[test]
fn settings_stand_in_order_of_first_mention() {
    check(
        [
            star("*", r#"{"wgNobodys": {"other": 1}, "wgB": {"mywiki": 1, "default": 9}, "+wgD": {"wiki": [1]}}"#),
            fixed("mywiki", r#"{"wgC": 1, "wgA": 2, "wgNobodys": 3}"#),
            fixed("default", r#"{"wgD": [2], "wgA": 1}"#),
        ],
        r#"{"wgB": 1, "wgD": [1, 2], "wgC": 1, "wgA": 2, "wgNobodys": 3}"#,
    );
}

#[test]
fn the_two_tracks_meet() {
    let diff = |content: &str| star("*", &format!(r#"{{"+wgX": {{"default": {content}}}}}"#));
    let value = |content: &str| fixed("mywiki", &format!(r#"{{"wgX": {content}}}"#));
    check([diff(r#"{"a": false}"#), value(r#"{"a": true, "b": 1}"#)], r#"{"wgX": {"a": false, "b": 1}}"#);
    check([value("[1]"), diff("[2]")], r#"{"wgX": [2, 1]}"#);
    check([value("1"), diff("[2]")], r#"{"wgX": [2]}"#);
    check([value("null"), diff("[2]")], r#"{"+wgX": [2]}"#);
    // In the track of diffs, the higher one wins, false included.
    check(
        [star("*", r#"{"+wgX": {"default": {"a": true, "7": 1}, "+t1": {"a": false, "7": 2}, "+t2": {"a": true}}}"#)],
        r#"{"+wgX": {"a": false, "7": 2}}"#,
    );
    // A whole value in it drops what is below, but stays a diff onto MediaWiki's value.
    check([star("*", r#"{"+wgX": {"default": [1], "wiki": [2], "+mywiki": [3]}}"#)], r#"{"+wgX": [3, 2]}"#);
}

#[test]
fn what_is_odd_is_said_once() {
    let id = |finding: &Finding| finding.wiki.as_ref().map(ToString::to_string);
    let mut files = [fixed("default", r#"{"+wgX": {"a": 1}}"#), fixed("mywiki", r#"{"+wgX": {"b": 2}}"#)];
    let findings = with(&mut files, |names, levels, files| resolve(names, levels, files).findings);
    let [finding] = &findings[..] else { panic!("{findings:?}") };
    assert_eq!((finding.severity, finding.field.as_str()), (Severity::Warning, "+wgX"));
    assert_eq!(id(finding).as_deref(), Some("mywiki"));
    assert!(finding.message.contains("`a.yml`"), "{}", finding.message);

    // With a star, diffs are merged: nothing is odd about it.
    let mut files = [fixed("default", r#"{"+wgX": {"a": 1}}"#), star("*", r#"{"+wgX": {"+mywiki": {"b": 2}}}"#)];
    let findings = with(&mut files, |names, levels, files| resolve(names, levels, files).findings);
    assert!(findings.is_empty(), "{findings:?}");

    let root = node(r#"{"wgX": {"default": 1, "mywiki": null}}"#);
    let (_, findings) = Prepared::new(&root, Kind::Star, &mut Names::default());
    let [finding] = &findings[..] else { panic!("{findings:?}") };
    assert_eq!((finding.severity, finding.field.as_str()), (Severity::Warning, "wgX.mywiki"));
}

#[test]
fn names_that_are_no_settings_are_refused() {
    for name in [
        "",
        "+",
        "++wgX",
        "0",
        "7",
        "1wg",
        "wg X",
        "wg-X",
        "wgX+",
        "wgÉ",
        "wg\u{0}",
        "wgX;",
        "$wgX",
        "wg[a]",
        "this",
        "GLOBALS",
        "_SERVER",
        "_GET",
        "_POST",
        "_FILES",
        "_COOKIE",
        "_SESSION",
        "_REQUEST",
        "_ENV",
        "argv",
        "argc",
        "IP",
        "wgMediaWikiFarm",
        "wgMediaWikiFarmConfigDir",
        "+wgMediaWikiFarm",
        "wgUseExtension../x",
        "wgUseExtension/x",
        "wgUseExtensionA//B",
        "wgUseExtensionA'B",
        "wgUseSkin$x",
        "wgUseSkin.",
        "wgUseSkinA\nB",
        "wgUseExtension\"; code; \"",
        "${wgX}",
        "wgX\n",
    ] {
        let root = Node {
            value: Value::Map(vec![(Key::of(name.as_bytes()), node("[]"))]),
            mark: Mark { file: FileId(0), line: 1 },
        };
        let mut names = Names::default();
        let (_, findings) = Prepared::new(&root, Kind::Fixed, &mut names);
        let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
        assert_eq!(errors, 1, "{name:?}: {findings:?}");
        assert!(names.find(name).is_none(), "{name:?}");
    }
}

#[test]
fn names_of_extensions_may_be_directories() {
    for (name, variable) in [
        ("wgX", "wgX"),
        ("_x1", "_x1"),
        ("wgUseExtension", "wgUseExtension"),
        ("wgUseExtensionMediaWikiFarm", "wgUseExtensionMediaWikiFarm"),
        ("wgUseExtensionConfirmEdit/QuestyCaptcha", "wgUseExtensionConfirmEditQuestyCaptcha"),
        ("wgUseSkina-b.c é", "wgUseSkinabc"),
    ] {
        let content = format!(r#"{{"{name}": true}}"#);
        let mut files = [fixed("default", &content)];
        let found =
            with(&mut files, |names, levels, files| resolve(names, levels, files).settings[0].variable.to_string());
        assert_eq!(found, variable);
    }
}

#[test]
fn two_names_of_one_variable_are_refused() {
    let mut names = Names::default();
    let first = node(r#"{"wgUseExtensionConfirmEdit/QuestyCaptcha": true, "wgUseSkinA-B": true}"#);
    assert!(Prepared::new(&first, Kind::Fixed, &mut names).1.is_empty());
    // The same name again is fine, in any file.
    assert!(Prepared::new(&first, Kind::Fixed, &mut names).1.is_empty());
    let second = node(r#"{"wgUseExtensionConfirmEditQuestyCaptcha": {"default": 1}, "wgUseSkinA.B": {"default": 1}}"#);
    let (_, findings) = Prepared::new(&second, Kind::Star, &mut names);
    assert_eq!(findings.len(), 2);
    assert!(findings[0].message.contains("`wgUseExtensionConfirmEdit/QuestyCaptcha`"), "{}", findings[0].message);
    assert!(findings[1].message.contains("`wgUseSkinA-B`"), "{}", findings[1].message);
}

#[test]
fn each_contribution_is_explained() {
    let shown = |files: &mut [File]| {
        with(files, |names, levels, files| {
            let show = |said: &Contribution<'_, '_>| {
                let level = match said.level {
                    Level::Tag(name) => name.to_owned(),
                    other => format!("{other:?}"),
                };
                let key = said.key.map_or(String::new(), ToString::to_string);
                format!("{} {level} {} {key} {:?} {:?}", said.level.priority(), said.entry, said.track, said.state)
            };
            explain("wgX", names, levels, files).iter().map(show).collect::<Vec<_>>()
        })
    };
    let mut files = [
        fixed("default", r#"{"wgX": [1]}"#),
        star("*", r#"{"wgX": {"default": [2], "+wiki": [3], "+t1": [4], "+t2": [5], "other": [0]}, "wgY": {"t1": 1}}"#),
        fixed("mywiki", r#"{"wgZ": 1}"#),
    ];
    let expected = [
        "4 t1 1 +t1 Value Merged",
        "4 t2 1 +t2 Value Merged",
        "3 Suffix 1 +wiki Value Merged",
        "2 Default 1 default Value Merged",
        "1 DefaultFile 0  Value Overridden",
    ];
    assert_eq!(shown(&mut files), expected);

    let mut files = [
        star("*", r#"{"wgX": {"default": 1, "+wiki": [2]}, "+wgX": {"default": [3]}}"#),
        fixed("mywiki", r#"{"+wgX": [4]}"#),
    ];
    let expected = [
        "5 Wiki 1  Diff Won",
        "2 Default 0 default Diff Overridden",
        "3 Suffix 0 +wiki Value Overridden",
        "2 Default 0 default Value Overridden",
    ];
    assert_eq!(shown(&mut files), expected);

    let mut files = [star("*", r#"{"wgX": {"default": 1, "+wiki": [2]}}"#)];
    assert_eq!(shown(&mut files), ["3 Suffix 0 +wiki Value Overridden", "2 Default 0 default Value Won"]);
    let mut files = [star("*", r#"{"wgX": {"default": [1]}, "+wgX": {"t1": [2]}}"#)];
    assert_eq!(shown(&mut files), ["4 t1 0 t1 Diff Merged", "2 Default 0 default Value Merged"]);
}
