//! The table of files: of every kind, size and depth, in every format.

use serde_json::json;

use super::Put;
use super::cases::{Case, Data, Refused, case, main, touch};

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn files() -> Vec<Case> {
    let at = |put: Put| [("settings.yml", put)];
    let bomb: Vec<String> =
        (1..10).map(|at| format!("a{at}: &a{at} [{}]\n", vec![format!("*a{}", at - 1); 10].join(", "))).collect();
    let bomb = bomb.concat();
    let deep =
        |open: &str, close: &str| format!("wgX: {{default: {}{}}}\n", open.repeat(100_000), close.repeat(100_000));
    let json = |put: Put| [main("settings.yml", "s.json"), ("s.json", put)];
    let ser = |text: &str| [main("settings.yml", "s.ser"), ("s.ser", text.into())];
    let php = |text: String| [main("settings.yml", "s.php"), ("s.php", text.into())];
    let no_utf8 = Put::Text(b"wgX:\n  default: \"\xff\xfe\"\n".to_vec());
    vec![
        case("no file", at(Put::Absent), Refused("settings.yml", "there is no such file")),
        case("a pipe", at(Put::Pipe), Refused("settings.yml", "is not a regular file")),
        case("a directory", at(Put::Directory), Refused("settings.yml", "is not a regular file")),
        case("a device", at(Put::Link("/dev/zero")), Refused("settings.yml", "leads out")),
        case("a link out", at(Put::Link("../beside/secret.yml")), Refused("settings.yml", "leads out")),
        case("a link to the passwords", at(Put::Link("/etc/passwd")), Refused("settings.yml", "leads out")),
        case("a link to itself", at(Put::Link("settings.yml")), Refused("settings.yml", "cannot be read")),
        case(
            "a directory that is a link out",
            [main("settings.yml", "d/secret.yml"), ("d", Put::Link("../beside"))],
            Refused("d/secret.yml", "leads out"),
        ),
        case("60 MB of nothing", at(Put::Hole(60 << 20)), Refused("settings.yml", "is larger than 16 MiB")),
        case(
            "a list of 60 MB of NUL",
            [("wikis.dblist", Put::Hole(60 << 20))],
            Refused("wikis.dblist:1", "holds a control character"),
        ),
        case("no UTF-8", at(no_utf8), Refused("settings.yml:2", "is not UTF-8")),
        case("UTF-16", at(Put::Text(b"\xff\xfew\0g\0X\0:\0".to_vec())), Refused("settings.yml:1", "is not UTF-8")),
        case("NUL in YAML", at("wgX: {default: \"a\0b\"}\n".into()), Refused("settings.yml:1", "")),
        case(
            "an alias bomb",
            at(format!("a0: &a0 x\n{bomb}wgX: {{default: *a9}}\n").into()),
            Refused("settings.yml", ""),
        ),
        case("an alias to itself", at("wgX: &a {default: [*a]}\n".into()), Refused("settings.yml:1", "")),
        case("a merge of itself", at("wgX: &a\n  <<: *a\n  default: 1\n".into()), Refused("settings.yml", "")),
        case("deep lists", at(deep("[", "]").into()), Refused("settings.yml:1", "deep")),
        case("deep maps", at(deep("{a: ", "}").into()), Refused("settings.yml:1", "deep")),
        case(
            "deep blocks",
            at((0..2000).map(|at| format!("{}a:\n", " ".repeat(at))).collect::<Vec<_>>().concat().into()),
            Refused("settings.yml", "deep"),
        ),
        case("a key given twice", at("wgX: {default: 1, default: 2}\n".into()), Refused("settings.yml:1", "default")),
        case("two documents", at("wgX: {default: 1}\n---\nwgX: {default: 2}\n".into()), Refused("settings.yml:2", "")),
        case(
            "a tag of PHP",
            at("wgX: {default: !php/object 'O:8:\"stdClass\":0:{}'}\n".into()),
            Refused("settings.yml:1", ""),
        ),
        case("a constant of PHP", at("wgX: {default: !php/const PHP_INT_MAX}\n".into()), Refused("settings.yml:1", "")),
        case(
            "what YAML and PHP read otherwise",
            at("wgX: {default: 0777}\n".into()),
            Refused("settings.yml:1", "0777"),
        ),
        case(
            "deep JSON",
            json(deep("[", "]").replacen("wgX", "\"wgX\"", 1).replacen("default", "\"default\"", 1).into()),
            Refused("s.json:1", ""),
        ),
        case(
            "JSON with a key twice",
            json("{\"wgX\": {\"default\": 1, \"default\": 2}}".into()),
            Refused("s.json:1", "is given twice"),
        ),
        case("JSON with half a character", json(r#"{"wgX": {"default": "\ud800"}}"#.into()), Refused("s.json:1", "")),
        case("JSON with NUL", json(r#"{"wgX": {"default": "a\u0000b"}}"#.into()), Data(json!({"wgX": "a\0b"}))),
        case("an object", ser("O:8:\"stdClass\":1:{s:3:\"wgX\";i:1;}"), Refused("s.ser", "")),
        case(
            "an object inside",
            ser("a:1:{s:3:\"wgX\";a:1:{s:7:\"default\";O:8:\"stdClass\":0:{}}}"),
            Refused("s.ser", ""),
        ),
        case("a reference", ser("a:2:{s:3:\"wgX\";a:1:{s:7:\"default\";i:1;}s:3:\"wgY\";R:2;}"), Refused("s.ser", "")),
        case("a length that is a lie", ser("a:1:{s:999999999:\"wgX\";i:1;}"), Refused("s.ser", "")),
        case("a count that is a lie", ser("a:999999999:{}"), Refused("s.ser", "")),
        case("PHP that exits", php("<?php exit(0);".to_owned()), Refused("s.php", "ended PHP before it returned")),
        case(
            "PHP that forges an answer",
            php("<?php echo 'V 6 a:0:{}'; exit;".to_owned()),
            Refused("s.php", "ended PHP"),
        ),
        case("PHP that returns a text", php("<?php return 'x';".to_owned()), Refused("s.php", "returns no array")),
        case(
            "PHP that returns an object",
            php("<?php return ['wgX' => ['default' => new stdClass]];".to_owned()),
            Refused("s.php", ""),
        ),
        case("PHP that does not compile", php("<?php\n\nreturn [;".to_owned()), Refused("s.php:3", "PHP says")),
        case(
            "PHP that throws",
            php("<?php\nthrow new Exception(\"a\\x1b[31m\");".to_owned()),
            Refused("s.php:2", "\\u{1b}"),
        ),
        case(
            "PHP that takes all memory",
            php("<?php ini_set('memory_limit', '64M'); return [str_repeat('x', 1 << 30)];".to_owned()),
            Refused("s.php", "PHP says"),
        ),
        case(
            "PHP that never returns",
            php("<?php while (true) usleep(100000);".to_owned()),
            Refused("s.php", "did not return within"),
        ),
        case(
            "PHP that is named a list of data",
            [("settings.yml", format!("<?php {}; return [];", touch()).into())],
            Refused("settings.yml:1", ""),
        ),
        case(
            "an ending in capitals",
            [main("settings.yml", "s.YML"), ("s.YML", "{}".into())],
            Refused("s.YML", "the ending `.YML` is not read"),
        ),
        case("no ending", [main("settings.yml", "s"), ("s", "{}".into())], Refused("s", "has no ending")),
        case(
            "a name with controls",
            [main("settings.yml", "\"a\\u202eb\\ufeff.yml\"")],
            Refused("a\\u{202e}b\\u{feff}.yml", "there is no such file"),
        ),
        case("options that are unknown", [("mwfarm.yml", "outptu: x\n".into())], Refused("etc/mwfarm.yml", "")),
        case(
            "options that are a bomb",
            [("mwfarm.yml", format!("a0: &a0 x\n{bomb}output: *a9\n").into())],
            Refused("etc/mwfarm.yml", ""),
        ),
    ]
}
