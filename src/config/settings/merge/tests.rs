use super::super::tests::node;
use super::*;

#[test]
fn arrays_merge_as_in_core() {
    for (high, low, merged) in [
        ("[1, 2]", "[2, 3]", "[1, 2, 2, 3]"),
        (r#"{"a": false}"#, r#"{"a": true}"#, r#"{"a": true}"#),
        (r#"{"a": null}"#, r#"{"a": true}"#, r#"{"a": true}"#),
        (r#"{"a": 0}"#, r#"{"a": true}"#, r#"{"a": 0}"#),
        (r#"{"5": "x"}"#, r#"{"5": "y"}"#, r#"{"5": "x", "6": "y"}"#),
        (r#"{"5": [1]}"#, r#"{"5": [2]}"#, r#"{"5": [1, 2]}"#),
        // Texts that look like numbers count as integers.
        (r#"{"01": "x"}"#, r#"{"01": "y"}"#, r#"{"01": "x", "0": "y"}"#),
        (r#"{"1.5": false}"#, r#"{"1.5": true}"#, r#"{"1.5": false, "0": true}"#),
        (r#"{" 7 ": 1}"#, r#"{" 7 ": 2}"#, r#"{" 7 ": 1, "0": 2}"#),
        (r#"{"7e": 1}"#, r#"{"7e": 2}"#, r#"{"7e": 1}"#),
        (r#"{".": 1}"#, r#"{".": 2}"#, r#"{".": 1}"#),
        // An array that was appended merges with the next one.
        (r#"["w"]"#, r#"[["x"], ["y"]]"#, r#"["w", ["x", "y"]]"#),
        ("[null]", "[1]", "[1]"),
        (r#"{"-5": 1}"#, r#"{"-5": 2}"#, r#"{"-5": 1, "-4": 2}"#),
        (r#"{"9223372036854775807": 1}"#, r#"{"9223372036854775807": 2}"#, r#"{"9223372036854775807": 1}"#),
    ] {
        assert_eq!(merge(&node(high), &node(low)), node(merged), "{high} {low}");
    }
}

#[test]
fn diffs_are_put_onto_values() {
    for (base, diff, result) in [
        ("null", "[1]", "[1]"),
        ("7", r#"{"a": []}"#, r#"{"a": []}"#),
        ("[1]", "[]", "[1]"),
        ("true", "[]", "[]"),
        ("[1, 2]", "[2, 3]", "[2, 3, 1, 2]"),
        ("[[1]]", "[[2]]", "[[2], [1]]"),
        (r#"{"100": "a", "0": "b"}"#, r#"["c"]"#, r#"{"0": "c", "100": "a", "101": "b"}"#),
        (r#"{"a": 1}"#, "[2]", r#"{"0": 2, "a": 1}"#),
        ("[1, 2]", r#"{"0": 3}"#, r#"{"0": 3, "1": 2}"#),
        (r#"{"a": true}"#, r#"{"a": false, "b": null}"#, r#"{"a": false, "b": null}"#),
        (r#"{"a": true}"#, r#"{"a": [1]}"#, r#"{"a": [1]}"#),
        (r#"{"a": [1]}"#, r#"{"a": 2}"#, r#"{"a": 2}"#),
        (r#"{"a": [1]}"#, r#"{"a": [], "bot": []}"#, r#"{"a": [1], "bot": []}"#),
        (r#"{"5": {"p": 1}}"#, r#"{"5": {"q": [2]}}"#, r#"{"5": {"p": 1, "q": [2]}}"#),
        (r#"{"a": {"b": [1]}}"#, r#"{"a": {"b": [2]}}"#, r#"{"a": {"b": [2, 1]}}"#),
    ] {
        assert_eq!(onto(&node(base), &node(diff)), node(result), "{base} {diff}");
    }
}

/// Arrays of more keys than are looked through one by one.
#[test]
fn large_arrays_are_as_small_ones() {
    let map = |range: std::ops::Range<i64>, value: i64| {
        let pairs = range.map(|key| format!(r#""k{key}": {value}, "{}": {value}"#, key * 2)).collect::<Vec<_>>();
        node(&format!("{{{}}}", pairs.join(", ")))
    };
    let Value::Map(put) = onto(&map(0..100, 1), &map(50..150, 2)).value else { panic!("a map") };
    assert_eq!(put.len(), 300);
    for (key, node) in put {
        let number = match &key {
            Key::Int(number) => number / 2,
            Key::Text(text) => text.as_str().expect("text")[1..].parse().expect("a number"),
        };
        assert_eq!(node.value, Value::Int(if number < 50 { 1 } else { 2 }), "{key}");
    }
    assert_eq!(onto(&map(0..100, 1), &map(0..100, 2)), map(0..100, 2));
    let Value::Map(merged) = merge(&map(0..100, 1), &map(50..150, 2)).value else { panic!("a map") };
    // The integers 100, 102 … 198 are taken: what is below comes behind, from 199 on, and takes 200, 202 … in turn.
    assert_eq!(merged.len(), 100 * 2 + 100 * 2 - 50);
}
