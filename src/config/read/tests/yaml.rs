use std::fmt::Write;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

/// The value of an unquoted scalar, written as a value of a map.
fn scalar(text: &str) -> Result<Value, String> {
    let directory = directory(&[("a.yml", format!("k: {text}\n").as_bytes())]);
    let mut sources = sources(directory.path());
    match sources.read("a.yml") {
        Ok(document) => Ok(document.root.map().unwrap()[0].1.value.clone()),
        Err(finding) => Err(told(&sources, &finding)),
    }
}

#[test]
fn scalars_are_what_symfony_makes_of_them() {
    let infinite = f64::INFINITY;
    let expected = [
        ("true", Value::Bool(true)),
        ("True", Value::Bool(true)),
        ("TRUE", Value::Bool(true)),
        ("false", Value::Bool(false)),
        ("False", Value::Bool(false)),
        ("FALSE", Value::Bool(false)),
        ("", Value::Null),
        ("~", Value::Null),
        ("null", Value::Null),
        ("Null", Value::Null),
        ("NULL", Value::Null),
        ("0", Value::Int(0)),
        ("1", Value::Int(1)),
        ("-1", Value::Int(-1)),
        ("0x1F", Value::Int(31)),
        ("0x7fffffffffffffff", Value::Int(i64::MAX)),
        ("9223372036854775807", Value::Int(i64::MAX)),
        ("-9223372036854775808", Value::Int(i64::MIN)),
        ("9223372036854775808", text("9223372036854775808")),
        ("-9223372036854775809", text("-9223372036854775809")),
        ("1.40", float(1.4, "1.40")),
        ("1.", float(1.0, "1.")),
        (".5", float(0.5, ".5")),
        ("-.5", float(-0.5, "-.5")),
        ("+1.5", float(1.5, "+1.5")),
        ("01.5", float(1.5, "01.5")),
        ("1e3", float(1000.0, "1e3")),
        ("1E+3", float(1000.0, "1E+3")),
        ("1.5e-3", float(0.0015, "1.5e-3")),
        ("1.e3", float(1000.0, "1.e3")),
        ("-0.0", float(-0.0, "-0.0")),
        ("1e999", float(infinite, "1e999")),
        (".inf", float(infinite, ".inf")),
        ("-.Inf", float(-infinite, "-.Inf")),
    ];
    for (written, value) in expected {
        let read = scalar(written).unwrap();
        assert_eq!(read, value, "{written}");
        if let (Value::Float(_, read), Value::Float(_, expected)) = (&read, &value) {
            assert_eq!(read, expected, "the text is kept");
        }
    }
}

#[test]
fn what_looks_like_no_text_but_is() {
    let texts = [
        "yes",
        "no",
        "on",
        "off",
        "y",
        "n",
        "NO",
        "Yes",
        "1:30",
        "1:30:00",
        "190:20:30",
        "01:30",
        "12,000",
        "1-2",
        "1.2.3",
        "1.40.2",
        "-0x1F",
        "+0x1F",
        "0x",
        "0xg",
        "0o8",
        "0O17",
        "0b11",
        "_1",
        "1e",
        "e3",
        "1e5_0",
        ".e3",
        "1e1.5",
        "nan",
        "inf",
        "--",
        "+",
        ".",
        "..",
        "=",
        "<<",
        "$lang",
        "a b",
        "²",
        "١",
        "x: y".trim_end_matches(": y"),
        "2026-01",
        "2026-01-02x",
        "2026-01-02 3",
        "12026-01-02",
        "1_x",
        "a#b",
    ];
    for written in texts {
        assert_eq!(scalar(written), Ok(text(written)), "{written}");
    }
}

#[test]
fn quoted_and_block_scalars_are_texts() {
    for written in ["'1'", "\"1\"", "'true'", "'~'", "'0777'", "'1.40'", "\"2026-01-02\"", "''", "'*'"] {
        assert_eq!(scalar(written), Ok(text(&written[1..written.len() - 1])), "{written}");
    }
    assert_eq!(scalar("'it''s'"), Ok(text("it's")));
    assert_eq!(scalar("\"a\\tb\\u00e9\\n\""), Ok(text("a\tbé\n")));
    assert_eq!(scalar("|\n  1\n"), Ok(text("1\n")));
    assert_eq!(scalar(">-\n  true\n  false\n"), Ok(text("true false")));
    assert_eq!(scalar("1\n  2"), Ok(text("1 2")), "a text over two lines");
}

#[test]
fn what_readers_disagree_about_is_refused() {
    let ambiguous = [
        "0777",
        "010",
        "-010",
        "08",
        "00",
        "0o17",
        "-0o17",
        "0o_7",
        "12_000",
        "1_",
        "1_000.5",
        "+1",
        "+0",
        "-0",
        "+0777",
        "0x1_F",
        "0X1F",
        "0xffffffffffffffff",
        "2026-01-02",
        "2026-1-2",
        "2026-01-02 03:04:05",
        "2026-01-02T03:04:05Z",
        "2001-12-14t21:59:43.10-05:00",
        "2001-12-14 21:59:43.10 -5",
        "2002-13-45",
        "+.inf",
        ".iNf",
        ".nan",
        ".nAn",
        "tRue",
        "nUll",
    ];
    for written in ambiguous {
        let refused = scalar(written).unwrap_err();
        assert!(refused.starts_with(&format!("a.yml:1: k: `{written}` is ")), "{refused}");
        assert!(refused.contains("quote it"), "{refused}");
        assert_eq!(scalar(&format!("'{written}'")), Ok(text(written)));
    }
    assert_eq!(
        scalar("0777").unwrap_err(),
        "a.yml:1: k: `0777` is octal for some readers of YAML, and decimal or a text for others \
         (write it without the zeros before it, or quote it)"
    );
}

#[test]
fn keys_are_integers_or_texts() {
    let read =
        read("a.yml", "1: a\n-1: b\n0x1F: c\n'2': d\n'02': e\nyes: f\n1:30: g\n9223372036854775808: h\n'1.4': i\n");
    let Value::Map(pairs) = read.unwrap().value else { panic!() };
    let keys: Vec<_> = pairs.into_iter().map(|(key, _)| key).collect();
    let texts = |text: &str| Key::Text(text.into());
    let expected = [Key::Int(1), Key::Int(-1), Key::Int(31), Key::Int(2), texts("02"), texts("yes"), texts("1:30")];
    assert_eq!(keys[..7], expected);
    assert_eq!(keys[7..], [texts("9223372036854775808"), texts("1.4")]);
    for key in ["1.40", "1e3", ".inf", "true", "False", "null", "~"] {
        let refused = refused("a.yml", format!("a: 1\n{key}: x\n"));
        assert!(refused.starts_with(&format!("a.yml:2: : the key `{key}` is ")), "{refused}");
        assert!(refused.ends_with("(quote it)"), "{refused}");
    }
    for (key, message) in [
        ("0777", "octal"),
        ("12_000", "number"),
        ("2026-01-02", "point in time"),
        ("+1", "float for others"),
        ("? [a]\n", "no key"),
        ("{a: b}", "no key"),
        ("", "a key is missing"),
    ] {
        assert!(refused("a.yml", format!("{key}: x\n")).contains(message), "{key}");
    }
}

#[test]
fn an_unquoted_star_is_explained() {
    for written in ["*: x", "*wiki: x", "a: *", "a: [*]", "a: *b", "- key: *wiki\n", "a: &x 1\n*x : 2"] {
        let refused = refused("a.yml", written);
        assert!(refused.ends_with("(a text that begins with a star is quoted, such as `'*'`)"), "{refused}");
    }
    same(&read("a.yml", "'*': x").unwrap(), &map([("*", text("x"))]));
}

#[test]
fn keys_come_once() {
    for (written, place) in [
        ("a: 1\nb: 2\na: 3", "a.yml:3: : the key `a`"),
        ("a: 1\n'a': 3", "a.yml:2: : the key `a`"),
        ("1: a\n'1': b", "a.yml:2: : the key `1`"),
        ("0x1: a\n1: b", "a.yml:2: : the key `1`"),
        ("x: {a: 1, a: 1}", "a.yml:1: x: the key `a`"),
        ("x:\n  - b: {c: 1,\n     c: 2}", "a.yml:3: x[0].b: the key `c`"),
        ("x: &x {a: 1}\ny:\n  <<: *x\n  <<: *x\n", "a.yml:4: y: the key `<<`"),
        ("x: &x {a: 1}\ny: {<<: *x, b: 1, b: 2}\n", "a.yml:2: y: the key `b`"),
    ] {
        let refused = refused("a.yml", written);
        assert!(refused.starts_with(place) && refused.contains(" is given twice"), "{refused}");
    }
}

#[test]
fn empty_is_an_empty_map_and_a_scalar_is_nothing() {
    for empty in ["", "\n\n", "# only\n  # comments\n", "---\n", "--- \n...\n", "\u{feff}", "{}"] {
        assert_eq!(read("a.yml", empty).unwrap().value, Value::Map(vec![]), "{empty:?}");
    }
    assert_eq!(read("a.yaml", "[]").unwrap().value, Value::List(vec![]));
    for (scalar, kind) in [("a", "a text"), ("~", "null"), ("1.5", "a float"), ("--- true", "true"), ("''", "a text")] {
        assert_eq!(refused("a.yml", scalar), format!("a.yml:1: : holds {kind}, and no list or map"));
    }
}

#[test]
fn other_documents_tags_and_tabs_are_refused() {
    assert!(refused("a.yml", "a: 1\n---\nb: 2").starts_with("a.yml:2: : holds several documents"));
    assert!(refused("a.yml", "---\n---\n").contains("holds several documents"));
    for (tag, hint) in [
        ("!foo", "take it out"),
        ("!!set", "take it out"),
        ("!php/const", "nothing of PHP"),
        ("!php/object", "nothing of PHP"),
    ] {
        let refused = refused("a.yml", format!("a:\n  b: {tag} X"));
        assert!(refused.starts_with(&format!("a.yml:2: a.b: the tag `{tag}` is not known ({hint}")), "{refused}");
    }
    assert!(refused("a.yml", "a: !foo [1]").contains("the tag `!foo` is not known"));
    for wrong in ["A", "AA", "AA=", "AAA", "A===", "=AAA", "AA=A", "A?==", "é==="] {
        assert!(
            refused("a.yml", format!("a: !!binary '{wrong}'")).contains("does not fit its tag `!!binary`"),
            "{wrong}"
        );
    }
    assert!(refused("a.yml", "a: !!int x").contains("`x` does not fit its tag `!!int`"));
    for (written, line) in [("\ta: 1", 1), ("a:\n\t- b", 2), ("a:\n  b: 1\n\tc: 2\n", 2), ("a:\n\tb: 1", 2)] {
        let refused = refused("a.yml", written);
        assert!(refused.starts_with(&format!("a.yml:{line}: ")), "{refused}");
    }
    let tagged = "a: !!str 1\nb: !!int '5'\nc: !!float 5\nd: !!bool 'true'\ne: !!null ''\nf: !!map {}\ng: !!seq []\nh: !!binary |\n  Af/+\n  YQ==\n!!binary AQ==: 1\n";
    let expected = [
        ("a", text("1")),
        ("b", Value::Int(5)),
        ("c", float(5.0, "5")),
        ("d", Value::Bool(true)),
        ("e", Value::Null),
        ("f", map([])),
        ("g", list([])),
        ("h", Value::Text(Text::new(*b"\x01\xff\xfea"))),
        ("\u{1}", Value::Int(1)),
    ];
    same(&read("a.yml", tagged).unwrap(), &map(expected));
}

/// Measured with Symfony 5.4: it takes these for something else, or for nothing.
#[test]
fn structure_that_readers_disagree_about_is_refused() {
    for (written, expected) in [
        ("a: [b:, c]", "a.yml:1: a[0].b: `b:` is a map for some readers of YAML, and a text for others (quote it)"),
        ("a: {b:1}", "a.yml:1: a.b:1: the key `b:1` has no value (write `key: value`"),
        ("a: {b, c}", "a.yml:1: a.b: the key `b` has no value"),
        ("? a", "a.yml:1: a: the key `a` has no value"),
        ("a: [&b , c]", "a.yml:1: a[0]: an anchor stands before no value"),
        ("a: [, ]", "a.yml:1: a"),
        ("a: - b", "a.yml:1: a: is not valid YAML: "),
        ("a: 'b'#c", "a.yml:1: a: is not valid YAML: "),
    ] {
        let refused = refused("a.yml", written);
        assert!(refused.starts_with(expected), "{refused}");
    }
    let written = "a: {b: , c: }\nd: [e: f]\ng: {? h : i}\nk:\nl: |\n  m";
    let null = || Value::Null;
    let expected = [
        ("a", map([("b", null()), ("c", null())])),
        ("d", list([map([("e", text("f"))])])),
        ("g", map([("h", text("i"))])),
        ("k", null()),
        ("l", text("m")),
    ];
    same(&read("a.yml", written).unwrap(), &map(expected));
}

#[test]
fn merging_keeps_what_is_written_and_the_first() {
    let written = "base: &base {a: 1, b: 2}\nmore: &more\n  b: 3\n  c: 4\nx:\n  b: 9\n  <<: *base\n  d: 5\ny:\n  <<: *base\n  a: 7\nz:\n  <<: [*base, *more]\n  e: 6\n'<<': w\n";
    let read = read("a.yml", written).unwrap();
    let int = Value::Int;
    let find = |name: &str| {
        let pairs = read.map().unwrap();
        pairs.iter().find(|(key, _)| *key == Key::of(name.as_bytes())).unwrap().1.clone()
    };
    same(&find("x"), &map([("b", int(9)), ("a", int(1)), ("d", int(5))]));
    same(&find("y"), &map([("a", int(7)), ("b", int(2))]));
    same(&find("z"), &map([("a", int(1)), ("b", int(2)), ("c", int(4)), ("e", int(6))]));
    same(&find("<<"), &text("w"));
    assert_eq!(lines(&find("z")), [12, 1, 1, 4, 14], "what is merged keeps its line");
    for wrong in ["a: {<<: 1}", "a: {<<: [1]}", "a: {<<: ~}", "a: {<<: [[]]}"] {
        assert!(refused("a.yml", wrong).starts_with("a.yml:1: a: `<<` merges maps only"), "{wrong}");
    }
}

#[test]
fn values_know_their_lines() {
    let written = "# comment\nfarm:\n  server: x\n  list:\n    - a\n    -\n      b: 1\n    - {c: 1,\n       d: 2}\n  text: |\n    one\n    two\nlast: &l [1,\n  2]\nalias: *l\n";
    let read = read("a.yml", written).unwrap();
    assert_eq!(lines(&read), [2, 2, 3, 4, 5, 7, 7, 8, 8, 9, 10, 13, 13, 14, 15, 13, 14]);
}

#[test]
fn syntax_errors_have_line_path_and_advice() {
    for (written, expected) in [
        ("a: 1\n b: 2", "a.yml:2: : is not valid YAML: mapping values are not allowed in this context (look at"),
        ("a:\n  b: 'x", "a.yml:2: a.b: is not valid YAML: "),
        ("a: [1, 2", "a.yml:1: a[1]: is not valid YAML: "),
        ("a: %x", "a.yml:1: a: is not valid YAML: `%` cannot stand here unquoted (quote the text)"),
        ("a: \u{7}", "a.yml:1: a: is not valid YAML: `\\u{7}` cannot stand here unquoted"),
        ("a: x\u{202e}\n\u{202e}: [", "a.yml:2: \\u{202e}[0]: is not valid YAML: "),
    ] {
        let refused = refused("a.yml", written);
        assert!(refused.starts_with(expected), "{refused}");
    }
    assert_eq!(refused("a.yml", b"a: 1\nb: \xff\n"), "a.yml:2: : is not UTF-8");
}

/// Files made to grow, or to take time.
#[test]
fn bombs_are_refused_soon() {
    let mut billion = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    let mut texts = format!("a0: &a0 {}\n", "x".repeat(1_000_000));
    let mut merges = "a0: &a0 {k: v}\n".to_owned();
    for level in 1..40 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        let _ = writeln!(billion, "a{level}: &a{level} [{aliases}]");
        let _ = writeln!(texts, "a{level}: &a{level} [{aliases}]");
        let _ = writeln!(merges, "a{level}: &a{level} {{<<: [{aliases}], k{level}: [{aliases}]}}");
    }
    let mut chain = "a0: &a0 [x]\n".to_owned();
    for level in 1..100 {
        let _ = writeln!(chain, "a{level}: &a{level} [*a{}]", level - 1);
    }
    let deep = |open: &str| open.repeat(1_000_000);
    let files = [
        (billion, "values, those that aliases repeat included"),
        (texts, "aliases repeat more than 64 MiB"),
        (merges, "values, those that aliases repeat included"),
        (chain, "nested more than 64 deep"),
        ("a: &a [*a]".to_owned(), "`*a` stands inside of what it refers to"),
        ("a: &a {<<: *a}".to_owned(), "`*a` stands inside of what it refers to"),
        ("a: &a {b: {c: [*a]}}".to_owned(), "`*a` stands inside of what it refers to"),
        (deep("["), "nested more than 64 deep"),
        (deep("{a: "), "nested more than 64 deep"),
        (deep("- "), "nested more than 64 deep"),
        (deep("? "), "a list or a map is no key"),
        (deep("&a "), ""),
        (deep("!a "), ""),
        (deep("*a "), ""),
        (deep("a: "), ""),
        (deep("\""), ""),
        (deep("'"), ""),
        (deep("|\n"), ""),
        (deep(": "), ""),
        (deep("\n:"), ""),
        (deep("%"), ""),
        (format!("a: {}", deep("- ")), ""),
    ];
    for (index, (file, message)) in files.into_iter().enumerate() {
        let begun = Instant::now();
        let refused = refused("a.yml", &file);
        assert!(refused.contains(message), "{index}: {refused}");
        assert!(refused.len() < 700, "{index}: {refused}");
        assert!(begun.elapsed() < Duration::from_secs(120), "{index}: {:?}: {refused}", begun.elapsed());
    }
}

#[test]
fn sixty_four_levels_are_read() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(read("a.yml", nested(MAX_DEPTH)).is_ok());
    assert!(refused("a.yml", nested(MAX_DEPTH + 1)).contains("nested more than 64 deep"));
    let block = |depth: usize| (0..depth).fold(String::new(), |text, level| text + &" ".repeat(level) + "a:\n");
    assert!(read("a.yml", block(MAX_DEPTH)).is_ok());
    assert!(refused("a.yml", block(MAX_DEPTH + 1)).contains("nested more than 64 deep"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_text_makes_it_panic(text in "[-\\[\\]{}:,?&*!|>'\"%@`#<~ \\t\\r\\na-c0-9._+x\u{feff}\u{e9}]{0,60}") {
        let _ = super::super::yaml::parse(&text, FileId(0));
    }

    #[test]
    fn no_lines_make_it_panic(lines in prop::collection::vec("( {0,4}|\\t)(- |\\? |[a-c*]: |<<: )?(&a |\\*a|!!str |\\[|\\{|1|'x'|\\||>|\\]|\\})?", 0..12)) {
        let _ = super::super::yaml::parse(&lines.join("\n"), FileId(0));
    }
}
