use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

#[test]
fn json_is_what_php_makes_of_it() {
    let written = "\u{feff}{\n \"a\": [1, -1, -0, 1.40,\n 1e3, 9223372036854775807, 9223372036854775808],\n\n \"1\": {},\n \"01\": [],\n\
        \"t\": \"\\u00e9\\ud83d\\ude00\\n\", \"\": [true, false, null, 1E400]\n}\n";
    let read = read("a.json", written).unwrap();
    let numbers = [
        Value::Int(1),
        Value::Int(-1),
        Value::Int(0),
        float(1.4, "1.40"),
        float(1000.0, "1e3"),
        Value::Int(i64::MAX),
        float(9_223_372_036_854_775_808.0, "9223372036854775808"),
    ];
    let expected = [
        ("a", list(numbers)),
        ("1", map([])),
        ("01", list([])),
        ("t", text("é😀\n")),
        ("", list([Value::Bool(true), Value::Bool(false), Value::Null, float(f64::INFINITY, "1E400")])),
    ];
    same(&read, &map(expected));
    let Value::List(items) = &read.map().unwrap()[0].1.value else { panic!() };
    assert_eq!(items[3].name().unwrap(), "1.40");
    assert_eq!(lines(&read), [1, 2, 2, 2, 2, 2, 3, 3, 3, 5, 6, 7, 7, 7, 7, 7, 7]);
}

#[test]
fn json_that_is_none_is_refused() {
    for (written, expected) in [
        ("", "a.json: : is empty (an empty list is `[]`, an empty map `{}`)"),
        (" \n\u{feff}", "a.json:2: : is not valid JSON: expected value"),
        ("\n{\"a\": 1,\n\"a\":\n 2}", "a.json:3: : the key `a` is given twice"),
        ("{\"x\": [{\"a\": 1,\n\"\\u0061\": 2}]}", "a.json:2: x[0]: the key `a` is given twice"),
        ("{\"a\": 1}\n]", "a.json:2: : is not valid JSON: trailing characters"),
        ("{\"a\": 1,}", "a.json:1: : is not valid JSON: key must be a string"),
        ("{'a': 1}", "a.json:1: : is not valid JSON: "),
        ("[01]", "a.json:1: : is not valid JSON: "),
        ("[\n\n\"\\ud800\"]", "a.json:3: [0]: is not valid JSON: "),
        ("\n3", "a.json:2: : holds an integer, and no list or map"),
        ("null", "a.json:1: : holds null, and no list or map"),
    ] {
        let refused = refused("a.json", written);
        assert!(refused.starts_with(expected), "{written}: {refused}");
    }
    assert_eq!(refused("a.json", b"[\n\"\xff\"]"), "a.json:2: : is not UTF-8");
}

#[test]
fn json_is_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(read("a.json", nested(MAX_DEPTH)).is_ok());
    let most = usize::try_from(MAX_BYTES).unwrap();
    let inner = "[".repeat(MAX_DEPTH - 1) + &"0,".repeat(MAX_VALUES) + "0" + &"]".repeat(MAX_DEPTH - 1);
    for (file, message) in [
        (nested(MAX_DEPTH + 1), "is nested more than 64 deep"),
        ("[".repeat(most), "is not valid JSON"),
        ("{\"a\":".repeat(most / 5), "is not valid JSON"),
        (nested(most / 2), "is nested more than 64 deep"),
        (inner, "holds more than 2000000 values"),
    ] {
        let begun = Instant::now();
        let refused = refused("a.json", file);
        assert!(refused.contains(message), "{refused}");
        // Not optimised, on a busy machine; were it quadratic, it would be hours.
        assert!(begun.elapsed() < Duration::from_secs(120), "{:?}", begun.elapsed());
    }
}

#[test]
fn serialized_values_are_read() {
    let written = b"a:9:{i:0;N;s:1:\"t\";b:1;i:2;b:0;s:1:\"3\";i:-5;i:4;d:0.1;i:5;d:-INF;i:6;d:1.0E+25;s:1:\"b\";s:3:\"\xff;\"\";s:1:\"a\";a:0:{}}\n";
    let expected = [
        ("0", Value::Null),
        ("t", Value::Bool(true)),
        ("2", Value::Bool(false)),
        ("3", Value::Int(-5)),
        ("4", float(0.1, "0.1")),
        ("5", float(f64::NEG_INFINITY, "-INF")),
        ("6", float(1e25, "1.0E+25")),
        ("b", Value::Text(Text::new(*b"\xff;\""))),
        ("a", list([])),
    ];
    same(&read("a.ser", written).unwrap(), &map(expected));
    same(&read("a.ser", "a:2:{i:0;s:0:\"\";i:1;d:NAN;}").unwrap(), &list([text(""), float(f64::NAN, "NAN")]));
    same(&read("a.ser", "a:1:{i:1;i:0;}").unwrap(), &map([("1", Value::Int(0))]));
    same(&read("a.ser", "a:2:{i:1;N;i:0;N;}").unwrap(), &map([("1", Value::Null), ("0", Value::Null)]));
}

#[test]
fn serialized_data_that_is_wrong_or_alive_is_refused() {
    let deep = |depth: usize| "a:1:{i:0;".repeat(depth) + "N;" + &"}".repeat(depth);
    assert!(read("a.ser", deep(MAX_DEPTH)).is_ok());
    for (written, message) in [
        ("", "ends too early"),
        ("x", "`:` is missing"),
        ("x:1;", "is not in PHP's serialize format"),
        ("O:8:\"stdClass\":0:{}", "holds an object"),
        ("a:1:{i:0;O:8:\"stdClass\":0:{}}", "holds an object"),
        ("C:1:\"A\":0:{}", "holds an object"),
        ("E:3:\"A:B\";", "holds an enumeration"),
        ("a:1:{i:0;R:1;}", "holds a reference"),
        ("a:1:{i:0;r:1;}", "holds a reference"),
        ("a:0:{}x", "something stands behind the value"),
        ("a:0:{}a:0:{}", "something stands behind the value"),
        ("a:1:{i:0;s:5:\"ab\";}", "the length of a string does not fit"),
        ("a:1:{i:0;s:1:\"ab\";}", "the length of a string does not fit"),
        ("a:1:{i:0;s:99999999999999999999:\"ab\";}", "a length is missing or too large"),
        ("a:1:{i:0;s:18446744073709551615:\"ab\";}", "the length of a string does not fit"),
        ("a:1:{i:0;s:-1:\"ab\";}", "a length is missing or too large"),
        ("a:9999999999999:{i:0;N;}", "`:` is missing"),
        ("a:2:{i:0;N;}", "`:` is missing"),
        ("a:0:{i:0;N;}", "`}` is missing"),
        ("a:2:{i:1;N;s:1:\"1\";N;}", "an array has a key twice"),
        ("a:2:{i:0;N;i:0;N;}", "an array has a key twice"),
        ("a:1:{d:1.5;N;}", "a key is neither an integer nor a string"),
        ("a:1:{i:0;i:9223372036854775808;}", "an integer is none"),
        ("a:1:{i:0;i:;}", "an integer is none"),
        ("a:1:{i:0;d:nan;}", "a float is none"),
        ("a:1:{i:0;d:infinity;}", "a float is none"),
        ("a:1:{i:0;b:2;}", "a boolean is neither 0 nor 1"),
        ("a:1:{i:0;i:5", "a number does not end"),
        ("N;", "holds null, and no list or map"),
        (&deep(MAX_DEPTH + 1), "nested more than 64 deep"),
        (&deep(1_000_000), "nested more than 64 deep"),
    ] {
        let refused = refused("a.ser", written);
        assert!(refused.contains(message), "{written:.80}: {refused}");
    }
    assert_eq!(
        refused("a.ser", "a:1:{s:3:\"wgX\";a:1:{i:0;r:1;}}"),
        "a.ser: wgX.0: holds a reference (`&`), at byte 26 (write the value twice instead)"
    );
}

#[test]
fn lists_of_names() {
    let written = "\u{feff}# all\r\nalpha\r\n\n  beta  # the second\n\tgamma#x\t#y\n#\n # c\n1\ndelta wiki\n";
    let read = read("all.dblist", written).unwrap();
    same(&read, &list(["alpha", "beta", "gamma#x", "1", "delta wiki"].map(text)));
    assert_eq!(lines(&read), [1, 2, 4, 5, 8, 9]);
    assert_eq!(self::read("a.dblist", "").unwrap().value, Value::List(vec![]));
    assert!(refused("a.dblist", "a\n".repeat(MAX_VALUES + 1)).contains("holds more than 2000000 names"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_bytes_make_one_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = super::super::serialized::parse(&bytes, FileId(0));
        let _ = super::super::list::parse(&bytes, FileId(0));
        if let Ok(text) = utf8(&bytes) {
            let _ = super::super::json::parse(text, FileId(0));
        }
    }

    #[test]
    fn nothing_that_looks_right_makes_one_panic(
        json in "[\\[\\]{}:,\"\\\\ud8e+.0-9tn\n -]{0,40}",
        parts in prop::collection::vec("a:[0-3]:\\{|\\}|i:[0-9]{0,2};|s:[0-3]:\"[a\"]{0,3}\";|N;|b:[0-2];|d:[0-9.E-]{0,4};|[ORE]:1", 0..12),
    ) {
        let _ = super::super::json::parse(&json, FileId(0));
        let _ = super::super::serialized::parse(parts.concat().as_bytes(), FileId(0));
    }
}
