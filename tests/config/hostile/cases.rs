//! The table.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::{CANARY, Farm, MAIN, Put};

/// What becomes of a configuration.
pub(super) enum Verdict {
    /// Exit 5; where it says so, and what.
    Refused(&'static str, &'static str),
    /// Compiled; what the first wiki's settings file makes of its variables.
    Data(Value),
}

pub(super) use Verdict::{Data, Refused};

pub(super) struct Case {
    name: &'static str,
    puts: Vec<(&'static str, Put)>,
    verdict: Verdict,
}

pub(super) fn case<const N: usize>(name: &'static str, puts: [(&'static str, Put); N], verdict: Verdict) -> Case {
    Case { name, puts: puts.into(), verdict }
}

/// Settings as JSON, which is YAML too.
fn settings(value: &Value) -> (&'static str, Put) {
    ("settings.yml", value.to_string().into())
}

/// The main file with one text in the place of another.
pub(super) fn main(from: &str, to: &str) -> (&'static str, Put) {
    assert!(MAIN.contains(from), "{from}");
    ("farms.yml", MAIN.replacen(from, to, 1).into())
}

/// `touch` of the canary, in PHP.
pub(super) fn touch() -> String {
    format!("touch(\"{CANARY}\")")
}

/// A setting of this name is refused.
fn name(of: &'static str, setting: &str, says: &'static str) -> Case {
    let setting = setting.replace("TOUCH", &touch());
    case(of, [settings(&json!({ setting: {"default": 1} }))], Refused("settings.yml:1", says))
}

fn names() -> Vec<Case> {
    let none = "is no name of a setting";
    let extension = "names an extension, whose directory must not contain";
    vec![
        name("a name that ends the statement", "wgX; TOUCH; $wgY", none),
        name("a name with a call", "wgX[TOUCH]", none),
        name("a name that is a variable variable", "{TOUCH}", none),
        name("a name with a dollar", "$wgX", none),
        name("a name that ends PHP", "wgX ?><script>", none),
        name("a name with a new line", "wgX\nTOUCH;//", none),
        name("a name with NUL", "wgX\0", none),
        name("a name with a look-alike", "wgХ", none),
        name("a name with an invisible joiner", "wg\u{200d}X", none),
        name("a name that turns the line round", "wg\u{202e}X", none),
        name("a name with a comment", "wgX/*", none),
        name("an empty name", "", none),
        name("only a plus", "+", none),
        name("two plus", "++wgX", none),
        name("a name that begins with a digit", "1wg", none),
        name("a name that is a number", "17", "is a number"),
        name("$this", "this", "is no setting of a wiki"),
        name("$GLOBALS", "GLOBALS", "is no setting of a wiki"),
        name("$_SERVER", "_SERVER", "is no setting of a wiki"),
        name("$IP", "IP", "is no setting of a wiki"),
        name("the farm's object", "wgMediaWikiFarm", "is no setting of a wiki"),
        name("the farm's directory", "wgMediaWikiFarmConfigDir", "is no setting of a wiki"),
        name("an extension with PHP", "wgUseExtensionX'); TOUCH; ('", extension),
        name("an extension with an interpolation", "wgUseExtension{$_GET[0]}", extension),
        name("an extension above its directory", "wgUseExtension../../x", "whose directory must be a plain"),
        name("an extension that is absolute", "wgUseExtension/etc/passwd", "whose directory must be a plain"),
        name("a skin with a point as a part", "wgUseSkin./x", "whose directory must be a plain"),
        name("an extension with a new line", "wgUseExtensionX\n", extension),
        case(
            "two names of one variable",
            [settings(&json!({"wgUseExtensionA/B": {"default": true}, "wgUseExtensionAB": {"default": true}}))],
            Refused("settings.yml:1", "has the variable `$wgUseExtensionAB` of `wgUseExtensionA/B`"),
        ),
        case("a list of settings", [("settings.yml", "- wgX\n- wgY\n".into())], Refused("settings.yml", "list")),
        case("a scalar", [("settings.yml", "wgX\n".into())], Refused("settings.yml:1", "no list or map")),
        case(
            "a value where wikis should be",
            [("settings.yml", "wgA: {default: 1}\nwgX: true\n".into())],
            Refused("settings.yml:2", "field `wgX`"),
        ),
        case(
            "a diff of text",
            [("settings.yml", "wgX: {default: [], +alphawiki: 'a'}\n".into())],
            Refused("settings.yml:1", "field `wgX.+alphawiki`"),
        ),
    ]
}

/// A value is what it is.
#[expect(clippy::needless_pass_by_value, reason = "written in place")]
fn value(name: &'static str, value: Value) -> Case {
    case(name, [settings(&json!({"wgX": {"default": value}}))], Data(json!({"wgX": value})))
}

fn values() -> Vec<Case> {
    vec![
        value("a value that ends the text", json!(format!("'; {}; '", touch()))),
        value("a value with an interpolation", json!(format!("{{$x->{}}} ${{{}}} $wgY", touch(), touch()))),
        value("a backslash before the end", json!("\\")),
        value("a backslash and a quote", json!("\\'")),
        value("a value that ends PHP", json!(format!("?><?php {}; ?>", touch()))),
        value("HTML and scripts", json!("<script>alert(1)</script><!-- </textarea> -->&amp;")),
        value("a heredoc", json!(format!("<<<X\n{}\nX;\n", touch()))),
        value("a comment", json!("*/ /* // #")),
        value("new lines", json!("a\r\nb\rc\n\n")),
        value("controls and NUL", json!("\0\u{1}\u{1b}[31m\u{85}")),
        value("text that turns round", json!("\u{202e}\u{2066}\u{feff}\u{200b}")),
        value("code of a shell", json!(format!("`touch {CANARY}` $(touch {CANARY}) | ; && %0a"))),
        value(
            "a name of a constant",
            json!(["PHP_INT_MAX", "INF", "NAN", "null", "true", "__FILE__", "__halt_compiler();"]),
        ),
        value("numbers", json!([i64::MIN, i64::MAX, 0.1, 1e308, -0.5, 1e-7])),
        value("an object that is serialized", json!("O:8:\"stdClass\":0:{}")),
        value("a stream", json!("phar://x.phar/y")),
        value("empty arrays", json!([[], [[]], ""])),
        value(
            "keys that are PHP",
            json!({format!("'] = {}; $x['", touch()): 1, format!("{{$_GET[{}]}}", touch()): 2, "?>": 3, "\\": 4, "\0": 5}),
        ),
        value(
            "keys that are numbers to PHP, or not",
            json!({"01": 1, "1.5": 2, "-0": 3, "+1": 4, " 1": 5, "9223372036854775808": 6}),
        ),
        value("a long key", json!({"'\\".repeat(250): 1})),
        case(
            "a key as long as a book",
            [
                main("settings.yml", "s.json"),
                ("s.json", json!({"wgX": {"default": {"'\\".repeat(30_000): 1}}}).to_string().into()),
            ],
            Data(json!({"wgX": {"'\\".repeat(30_000): 1}})),
        ),
        case(
            "bytes that are no text",
            [
                main("settings.yml", "s.ser"),
                ("s.ser", Put::Text(b"a:1:{s:3:\"wgX\";a:1:{s:7:\"default\";s:3:\"\xff'\0\";}}".to_vec())),
            ],
            Data(json!({"wgX": {"hex": "ff2700"}})),
        ),
        value("a long text", json!("'\\".repeat(400_000))),
        value(
            "many keys",
            json!((0..20_000).map(|at| (format!("'{at}"), json!(at))).collect::<serde_json::Map<_, _>>()),
        ),
        case(
            "a diff whose keys are PHP",
            [settings(
                &json!({"+wgX": {"default": {format!("'];{}//", touch()): [format!("';{}//", touch())], "?>": {"a": "$b"}}}}),
            )],
            Data(json!({"wgX": {format!("'];{}//", touch()): [format!("';{}//", touch())], "?>": {"a": "$b"}}})),
        ),
        case(
            "variables in values stay text",
            [settings(&json!({"wgX": {"default": "$WIKIID $wiki $CODE ${wiki}"}}))],
            Data(json!({"wgX": "$WIKIID $wiki $CODE ${wiki}"})),
        ),
        case(
            "an extension that is not there",
            [settings(&json!({"wgUseExtensionNoSuch": {"default": true}}))],
            Data(json!({"wgUseExtensionNoSuch": false})),
        ),
        case(
            "an extension's mechanism that is PHP",
            [settings(&json!({"wgUseExtensionNoSuch": {"default": format!("require_once '{}'", touch())}}))],
            Data(json!({"wgUseExtensionNoSuch": false})),
        ),
        case(
            "a directory of extensions that is PHP",
            [settings(&json!({"wgExtensionDirectory": {"default": format!("\"; {}; \"", touch())}}))],
            Data(json!({"wgExtensionDirectory": format!("\"; {}; \"", touch())})),
        ),
        case(
            "a wiki's key that is another wiki's",
            [settings(
                &json!({"wgX": {"betawiki": "b", "default": "d", "alphawiki ": "x", "ALPHAWIKI": "y", "*": "z"}}),
            )],
            Data(json!({"wgX": "d"})),
        ),
        case(
            "a YAML that PHP would make objects of",
            [("settings.yml", "wgX: {default: \"!php/object 'O:1'\"}\n".into())],
            Data(json!({"wgX": "!php/object 'O:1'"})),
        ),
        case("CRLF", [("settings.yml", "wgX:\r\n  default: a\r\n".into())], Data(json!({"wgX": "a"}))),
        case(
            "a mark of the byte order",
            [("settings.yml", "\u{feff}wgX: {default: a}\n".into())],
            Data(json!({"wgX": "a"})),
        ),
        case(
            "a link in the directory",
            [("real.yml", "wgX: {default: a}\n".into()), ("settings.yml", Put::Link("real.yml"))],
            Data(json!({"wgX": "a"})),
        ),
    ]
}

fn farms() -> Vec<Case> {
    let entry = |file: &str| main("settings.yml", file);
    vec![
        case(
            "an ID that is PHP",
            [main("$wikiwiki", "\"$wiki'.phpinfo().'wiki\"")],
            Refused("wikis.dblist:1", "wiki `alpha\\'.phpinfo()"),
        ),
        case(
            "an ID that is a path",
            [main("$wikiwiki", "../$wikiwiki")],
            Refused("wikis.dblist:1", "wiki `../alphawiki`"),
        ),
        case("an ID in capitals", [main("$wikiwiki", "$wikiWiki")], Refused("wikis.dblist:1", "wiki `alphaWiki`")),
        case(
            "an ID with a variable that nothing sets",
            [main("$wikiwiki", "$wiki$otherwiki")],
            Refused("farms.yml:5", "`$otherwiki`"),
        ),
        case(
            "an ID with a variable that is not yet set",
            [main("$wikiwiki", "$wiki$VERSIONwiki")],
            Refused("farms.yml:5", "`$VERSION"),
        ),
        case(
            "an ID that is the same for all",
            [main("$wikiwiki", "onewiki")],
            Refused("farms.yml:1", "differs between the hosts"),
        ),
        case(
            "an ID that does not end with the suffix",
            [main("suffix: wiki", "suffix: fam")],
            Refused("farms.yml:4", "is not the end of"),
        ),
        case("an empty suffix", [main("suffix: wiki", "suffix: ''")], Refused("farms.yml:4", "is empty")),
        case("a suffix with NUL", [main("suffix: wiki", "suffix: \"wiki\\0\"")], Refused("farms.yml:4", "control")),
        case(
            "a farm's name that is PHP",
            [main("farm:", "\"a');touch('x\":")],
            Refused("farms.yml:1", "is no name of a farm"),
        ),
        case("two farms of one name", [("farms.yml", format!("{MAIN}{MAIN}").into())], Refused("farms.yml:10", "farm")),
        case(
            "two farms of the same wikis",
            [("farms.yml", format!("{MAIN}{}", MAIN.replacen("farm", "second", 1)).into())],
            Refused("farms.yml:14", "is used twice"),
        ),
        case("two main files", [("farms.json", "{}".into())], Refused("farms.yml", "`farms.json` is there, too")),
        case("a key that is unknown", [main("suffix:", "sufix: a\n  suffix:")], Refused("farms.yml:4", "is no field")),
        case("a file above", [entry("../beside/secret.yml")], Refused("farms.yml:9", "is no plain path")),
        case("a file that is absolute", [entry("/etc/passwd")], Refused("farms.yml:9", "is no plain path")),
        case("a file with a point", [entry("./settings.yml")], Refused("farms.yml:9", "is no plain path")),
        case("a file with NUL", [entry("\"settings.yml\\0.txt\"")], Refused("farms.yml:9", "control")),
        case("a file that is a stream", [entry("'php://filter/x.yml'")], Refused("farms.yml:9", "is no plain path")),
        case("a file with a backslash", [entry("'..\\x.yml'")], Refused("farms.yml:9", "is no plain path")),
        case(
            "a variable that is a way up",
            [
                main("server: '(?<wiki>[a-z0-9-]+)", "server: '(?<wiki>[a-z0-9./-]+)"),
                ("wikis.dblist", "alpha\n../../beside/secret\n".into()),
                ("settings.yml", "wgX: {default: 1}\n".into()),
            ],
            Data(json!({"wgX": 1})),
        ),
        case(
            "a variable's value that is a variable",
            [
                main("settings.yml", "$wiki.yml"),
                ("wikis.dblist", "alpha\n$wikiid\n".into()),
                ("alpha.yml", "wgX: {default: 1}\n".into()),
            ],
            Data(json!({"wgX": 1})),
        ),
        case(
            "a variable's value that is PHP",
            [
                ("wikis.dblist", "alpha\n'.touch('x').'\n<script>\n".into()),
                ("settings.yml", "wgX: {default: 1}\n".into()),
            ],
            Data(json!({"wgX": 1})),
        ),
        case(
            "a variable's value in capitals",
            [("wikis.dblist", "alpha\nBeta\n".into())],
            Refused("wikis.dblist:2", "lower case"),
        ),
        case("a list with true", [main("file: wikis.dblist", "values: [alpha, true]")], Refused("farms.yml:3", "true")),
        case("a list with null", [main("file: wikis.dblist", "values: [alpha, ~]")], Refused("farms.yml:3", "null")),
        case("a list outside", [main("wikis.dblist", "../beside/secret.yml")], Refused("", "has the part `..`")),
        case("a tag that is a wiki", [main("small:", "betawiki:")], Refused("farms.yml:7", "name of a wiki")),
        case("a tag that is PHP", [main("small:", "\"x');\":")], Refused("farms.yml:7", "is no name of a tag")),
        case("a tag's list outside", [main("[alphawiki]", "/etc/passwd")], Refused("", "is absolute")),
        case("a key with regular expressions", [main("'*'", "'.*|x'")], Refused("farms.yml:9", "is no key")),
        case("a key with two stars", [main("'*'", "'*a*'")], Refused("farms.yml:9", "is no key")),
        case("a key with a path", [main("'*'", "'../*'")], Refused("farms.yml:9", "is no key")),
        case(
            "a data directory that is another's",
            [main("/srv/$wiki", "/srv/x")],
            Refused("farms.yml:6", "data directory"),
        ),
        case(
            "a pattern that takes exponential time",
            [main("(?<wiki>[a-z0-9-]+)", "(?<wiki>([a-z0-9]+)+)(?<x>(a|aa)+)")],
            Refused("farms.yml:2", "field `farm.server`"),
        ),
        case(
            "a pattern that is none",
            [main("(?<wiki>[a-z0-9-]+)", "(?<wiki>[a-z")],
            Refused("farms.yml:2", "field `farm.server`"),
        ),
        case(
            "a pattern that looks around",
            [main("(?<wiki>", "(?=.*)(?<wiki>")],
            Refused("farms.yml:2", "field `farm.server`"),
        ),
        case(
            "a pattern that refers back",
            [main("\\.example", "\\\\1\\.example")],
            Refused("farms.yml:2", "field `farm.server`"),
        ),
        case(
            "a pattern of a large size",
            [main("[a-z0-9-]+", "((([a-z]{1,999}){1,999}){1,999}){1,999}")],
            Refused("farms.yml:2", "field `farm.server`"),
        ),
        case(
            "an executable outside",
            [main("key: '*'", "executable: true"), ("settings.yml", Put::Link("../beside/secret.yml"))],
            Refused("settings.yml", "leads out"),
        ),
        case(
            "an executable whose name is PHP",
            [
                main("{file: settings.yml, key: '*'}", "{file: \"a'.touch('x').'$b{$c}.php\", executable: true}"),
                ("a'.touch('x').'$b{$c}.php", "<?php $wgX = __FILE__ === \"$configDirectory/x\" ? 1 : 2;".into()),
            ],
            Refused("farms.yml:9", "`$b`"),
        ),
        case(
            "an executable whose name is nearly PHP",
            [
                main("{file: settings.yml, key: '*'}", "{file: \"a'.touch(1).'\\\"{x}.php\", executable: true}"),
                ("a'.touch(1).'\"{x}.php", "<?php $wgX = $wgMediaWikiFarm->getVariable( '$WIKIID' );\n".into()),
            ],
            Data(json!({"wgX": "alphawiki"})),
        ),
    ]
}

/// Every case of the table, one after the other in one farm, which is published before and stays so.
#[track_caller]
fn check(cases: &[Case]) {
    let farm = Farm::compiled();
    let mut wrong = Vec::new();
    let mut look_at = |case: &Case| {
        farm.reset();
        for (name, put) in &case.puts {
            farm.put(name, put);
        }
        let surroundings = farm.surroundings();
        let before = farm.published();
        let ran = farm.run(&["config", "compile"]);
        let mut say = |what: String| wrong.push(format!("{}: {what}\n{}", case.name, ran.err));
        match &case.verdict {
            Refused(at, says) => {
                if ran.code != Some(5) {
                    say(format!("exit {:?}", ran.code));
                }
                if !ran.err.contains(at) || !ran.err.contains(says) {
                    say(format!("no `{at}` with `{says}`"));
                }
                let after = farm.published();
                if after != before {
                    let differs = |path: &&PathBuf| after.get(*path) != before.get(*path);
                    let all: BTreeSet<_> = after.keys().chain(before.keys()).filter(differs).collect();
                    say(format!("what is published has changed: {all:?}"));
                }
            }
            Data(expected) => {
                if ran.code == Some(0) {
                    let same = farm.evaluated("alphawiki", expected);
                    if same != "same" {
                        say(same);
                    }
                } else {
                    say(format!("exit {:?}", ran.code));
                }
            }
        }
        if farm.surroundings() != surroundings {
            say("something else has changed".to_owned());
        }
        if farm.published() != before {
            farm.reset();
            assert_eq!(farm.run(&["config", "compile"]).code, Some(0), "what is harmless");
        }
        if ran.err.chars().any(|c| {
            c != '\n' && c.is_control()
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
        }) {
            say("a message that is not escaped".to_owned());
        }
        if farm.path("canary").exists() || ran.err.contains("stolen") {
            say("harm is done".to_owned());
        }
    };
    cases.iter().for_each(&mut look_at);
    assert!(wrong.is_empty(), "{} of {} cases\n\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn names_of_settings() {
    check(&names());
}

#[test]
fn values_and_keys() {
    check(&values());
}

#[test]
fn farms_and_their_wikis() {
    check(&farms());
}

#[test]
fn files_of_all_kinds() {
    check(&super::files::files());
}

#[test]
fn there_are_enough() {
    assert!(names().len() + values().len() + farms().len() + super::files::files().len() >= 140);
}
