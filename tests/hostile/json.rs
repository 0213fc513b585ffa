//! Manifests that are no JSON, or JSON of a form that nobody expects.

use serde_json::json;

use super::cases::{Case, Verdict, case};
use super::yard::{SECRET, Yard};

const COMPOSER: &str = "`extensions/Bad/composer.json`";
const MANIFEST: &str = "`extensions/Bad/extension.json`";
const INSTALLED: &str = "`vendor/composer/installed.json`";

/// A `composer.json` of an extension that is refused.
fn refused(name: &'static str, text: impl Into<Vec<u8>>, says: &'static [&'static str]) -> Case {
    let text = text.into();
    let make = move |yard: &Yard| {
        yard.extension("");
        yard.write("tree/extensions/Bad/composer.json", &text);
    };
    case(name, make, Verdict::refused(1, says))
}

/// One that is as good as any.
fn good(name: &'static str, text: impl Into<Vec<u8>>) -> Case {
    let text = text.into();
    let make = move |yard: &Yard| {
        yard.extension("");
        yard.write("tree/extensions/Bad/composer.json", &text);
        yard.write("tree/extensions/Bad/src/Bad.php", "<?php touch('canary'); class Bad {}");
    };
    case(name, make, Verdict::built(&[]))
}

/// Another file that is refused.
fn file(name: &'static str, file: &'static str, text: impl Into<Vec<u8>>, says: &'static [&'static str]) -> Case {
    let text = text.into();
    case(name, move |yard| yard.write(file, &text), Verdict::refused(1, says))
}

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn cases() -> Vec<Case> {
    let nested = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    let utf16: Vec<u8> = "{\"name\": \"acme/bad\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    vec![
        refused("nothing", "", &[COMPOSER, "is not JSON: EOF", "line 1"]),
        refused("white space", " \n\t\n", &[COMPOSER, "is not JSON: EOF"]),
        refused(
            "a trailing comma",
            "{\n\"name\": \"acme/bad\",\n}",
            &[COMPOSER, "is not JSON: trailing comma at line 3"],
        ),
        refused("a comment", "{ // name\n}", &[COMPOSER, "is not JSON", "line 1"]),
        refused("single quotes", "{'name': 'acme/bad'}", &[COMPOSER, "is not JSON", "line 1"]),
        refused("half a file", "{\"name\": \"acme/bad\", \"require\": {\"acme", &[COMPOSER, "is not JSON: EOF"]),
        refused("two values", "{}{}", &[COMPOSER, "is not JSON: trailing characters"]),
        refused("a list", "[{\"name\": \"acme/bad\"}]", &[COMPOSER, "expected an object, found a list"]),
        refused("a text", "\"acme/bad\"", &[COMPOSER, "expected an object"]),
        refused("null", "null", &[COMPOSER, "expected an object"]),
        refused("a byte order mark", "\u{feff}{\"name\": \"acme/bad\"}", &[COMPOSER, "begins with a byte order mark"]),
        refused("UTF-16 with a mark", [b"\xff\xfe".to_vec(), utf16.clone()].concat(), &[COMPOSER, "is UTF-16"]),
        refused("UTF-16 without a mark", utf16, &[COMPOSER, "is not JSON"]),
        refused("Latin-1 where nobody looks", b"{\"description\": \"\xe9\"}", &[COMPOSER, "is not UTF-8: see line 1"]),
        refused("half a character", r#"{"description": "\ud800"}"#, &[COMPOSER, "half a character: see line 1"]),
        refused("NUL", b"{\"name\": \"acme/bad\"}\0", &[COMPOSER, "is not JSON: trailing characters"]),
        refused("NUL in a text", b"{\"description\": \"a\0b\"}", &[COMPOSER, "is not JSON: control character"]),
        refused(
            "a key given twice",
            "{\"require\": {}, \"require\": {\"acme/lib\": \"*\"}}",
            &[COMPOSER, "duplicate field `require`"],
        ),
        refused(
            "a requirement given twice",
            "{\"require\": {\"acme/lib\": \"^1.0\", \"acme/lib\": \"*\"}}",
            &[COMPOSER, "field `require`", "duplicate key `acme/lib`"],
        ),
        refused(
            "a requirement given twice in other letters",
            "{\"require\": {\"acme/lib\": \"^1.0\", \"Acme/Lib\": \"*\"}}",
            &[COMPOSER, "field `require`", "`acme/lib` stands there twice, in different case"],
        ),
        refused("deep lists", format!("{{\"require\": {}}}", nested(50_000)), &[COMPOSER, "is nested deeper than 128"]),
        refused(
            "deep lists where nobody looks",
            format!("{{\"a\": 1,\n\"extra\": {{\"x\": {}}}}}", nested(1_000_000)),
            &[COMPOSER, "is nested deeper than 128 levels: see line 2"],
        ),
        refused(
            "deep objects that never end",
            "{\"autoload\":".repeat(200_000),
            &[COMPOSER, "is nested deeper than 128 levels"],
        ),
        refused(
            "a number for a version",
            "{\"require\": {\"acme/lib\": 1.0}}",
            &[COMPOSER, "field `require.acme/lib`"],
        ),
        refused(
            "a list of requirements",
            "{\"require\": [\"acme/lib\"]}",
            &[COMPOSER, "field `require`", "found a list"],
        ),
        refused("an object for a path", "{\"autoload\": {\"files\": [{}]}}", &[COMPOSER, "field `autoload.files[0]`"]),
        refused("a text for rules", "{\"autoload\": \"src/\"}", &[COMPOSER, "field `autoload`", "expected an object"]),
        refused(
            "a value as large as a house",
            format!("{{\"autoload\": \"{}\"}}", "x".repeat(3_000_000)),
            &[COMPOSER, "field `autoload`", "expected an object"],
        ),
        refused(
            "a hundred thousand requirements and one",
            {
                let many: Vec<String> = (0..=100_000).map(|at| format!("\"a/{at}\":\"1\"")).collect();
                format!("{{\"require\": {{{}}}}}", many.join(","))
            },
            &[COMPOSER, "field `require`", "has more than 100000 entries"],
        ),
        case(
            "a file that is too large",
            |yard| {
                yard.extension("{}");
                yard.hole("tree/extensions/Bad/composer.json", (4 << 20) + 1);
            },
            Verdict::refused(1, &[COMPOSER, "is larger than 4 MiB"]),
        ),
        case(
            "a manifest of 60 GB",
            |yard| yard.hole("tree/extensions/Bad/extension.json", 60 << 30),
            Verdict::refused(1, &[MANIFEST, "is larger than 4 MiB"]),
        ),
        case(
            "installed.json of 2 GB",
            |yard| yard.hole("tree/vendor/composer/installed.json", 2 << 30),
            Verdict::refused(1, &[INSTALLED, "is larger than 16 MiB"]),
        ),
        good("CRLF", "{\r\n\"name\": \"acme/bad\",\r\n\"autoload\": {\"classmap\": [\"src/\"]}\r\n}\r\n"),
        good("127 levels where nobody looks", format!("{{\"support\": {}}}", nested(127))),
        good("an empty object", "{}"),
        good("an empty list, as PHP writes an empty object", "{\"require\": [], \"autoload\": []}"),
        good("a number without end where nobody looks", "{\"extra\": {\"a\": 1e999, \"b\": -0, \"c\": 1E+400}}"),
        good(
            "keys that mean something elsewhere",
            r#"{"__proto__": {}, "": 1, "\u0000*\u0000x": 2, "extra": {"": []}}"#,
        ),
        file(
            "a manifest with a trailing comma",
            "tree/extensions/Bad/extension.json",
            "{\"name\": \"Bad\",}",
            &[MANIFEST, "is not JSON: trailing comma"],
        ),
        file(
            "a manifest with a byte order mark",
            "tree/extensions/Bad/extension.json",
            "\u{feff}{\"name\": \"Bad\"}",
            &[MANIFEST, "begins with a byte order mark"],
        ),
        file(
            "a manifest whose name turns the line round",
            "tree/extensions/Bad/extension.json",
            "{\"name\": \"\\u202e\\u001b[2J\"}",
            &[MANIFEST, "field `name`", "holds a control character"],
        ),
        file(
            "a manifest that requires a number",
            "tree/extensions/Bad/extension.json",
            "{\"name\": \"Bad\", \"requires\": {\"extensions\": {\"Good\": 1}}}",
            &[MANIFEST, "field `requires.extensions.Good`"],
        ),
        file(
            "one of several manifests",
            "tree/extensions/Good/extension-more.json",
            "[",
            &["`extensions/Good/extension-more.json`", "is not JSON"],
        ),
        file("no root", "tree/composer.json", "", &["`composer.json`", "is not JSON: EOF"]),
        file(
            "a lock that is torn",
            "tree/composer.lock",
            "{\"packages\": [{\"name\": \"acme/lib\", \"ver",
            &["`composer.lock`", "is not JSON: EOF"],
        ),
        file(
            "a lock with packages of another form",
            "tree/composer.lock",
            "{\"packages\": {\"acme/lib\": \"1.2.0\"}}",
            &["`composer.lock`", "field `packages`"],
        ),
        file(
            "installed.json that is torn",
            "tree/vendor/composer/installed.json",
            "{\"packages\": [{",
            &[INSTALLED, "EOF"],
        ),
        file(
            "installed.json that is PHP",
            "tree/vendor/composer/installed.json",
            "<?php touch('canary');",
            &[INSTALLED, "is not JSON"],
        ),
        file(
            "installed.php that is a program",
            "tree/vendor/composer/installed.php",
            "<?php touch('canary'); return array('root' => array());",
            &["`vendor/composer/installed.php`", "is not as Composer writes it"],
        ),
        file(
            "installed.php with a call in a value",
            "tree/vendor/composer/installed.php",
            "<?php return array('root' => array('pretty_version' => touch('canary'), 'version' => \"{${touch('canary')}}\"));",
            &["`vendor/composer/installed.php`", "is not as Composer writes it"],
        ),
        file(
            "installed.php that is deep",
            "tree/vendor/composer/installed.php",
            format!("<?php return {}", "array(".repeat(500_000)),
            &["`vendor/composer/installed.php`", "is not as Composer writes it"],
        ),
        file(
            "a value that shows what it should not",
            "tree/extensions/Bad/composer.json",
            json!({"require": {"acme/lib": {"token": format!("https://user:{SECRET}@example.org")}}}).to_string(),
            &[COMPOSER, "field `require.acme/lib`"],
        ),
    ]
}
