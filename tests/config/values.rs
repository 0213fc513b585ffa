//! Random values of PHP.

use mwfarm::config::value::{FileId, Key, Mark, Node, Text, Value};

use crate::farm::random::Random;

/// How many cases to try: `MWFARM_CASES`, and never less than usual.
pub(super) fn cases(usual: usize) -> usize {
    let wanted = std::env::var("MWFARM_CASES").map_or(0, |text| text.parse().expect("`MWFARM_CASES` is a number"));
    usual.max(wanted)
}

/// Where random numbers begin: `MWFARM_SEED`, or 1.
pub(super) fn seed() -> u64 {
    std::env::var("MWFARM_SEED").map_or(1, |text| text.parse().expect("`MWFARM_SEED` is a number"))
}

/// A value without a place.
pub(super) fn node(value: Value) -> Node {
    Node { value, mark: Mark { file: FileId(0), line: 0 } }
}

/// A text.
pub(super) fn text(text: &str) -> Node {
    node(Value::Text(text.into()))
}

/// A list.
pub(super) fn list(items: Vec<Node>) -> Node {
    node(Value::List(items))
}

/// A map with keys as PHP makes them.
pub(super) fn map<K: AsRef<[u8]>>(pairs: impl IntoIterator<Item = (K, Node)>) -> Node {
    node(Value::Map(pairs.into_iter().map(|(key, node)| (Key::of(key.as_ref()), node)).collect()))
}

/// A map with random keys.
pub(super) fn random_map(random: &mut Random, key: fn(&mut Random) -> Key, depth: usize, value: RandomValue) -> Node {
    let mut pairs: Vec<(Key, Node)> = Vec::new();
    for _ in 0..random.below(5) {
        let key = key(random);
        if pairs.iter().all(|(known, _)| *known != key) {
            let value = value(random, depth);
            pairs.push((key, value));
        }
    }
    node(Value::Map(pairs))
}

/// What makes a value that nests at most as deep.
pub(super) type RandomValue = fn(&mut Random, usize) -> Node;

/// Any value at all, of any bytes.
pub(super) fn anything(random: &mut Random, depth: usize) -> Node {
    let choices = if depth == 0 { 8 } else { 12 };
    let value = match random.below(choices) {
        0 => Value::Null,
        1 => Value::Bool(random.chance(50)),
        2 | 3 => Value::Int(any_integer(random)),
        4 | 5 => Value::Float(any_float(random), "".into()),
        6 | 7 => Value::Text(Text::new(any_bytes(random))),
        8 | 9 => Value::List((0..random.below(5)).map(|_| anything(random, depth - 1)).collect()),
        _ => return random_map(random, any_key, depth - 1, anything),
    };
    node(value)
}

fn any_integer(random: &mut Random) -> i64 {
    let edges = [0, 1, -1, i64::MAX, i64::MIN, i64::MIN + 1, 1 << 53, (1 << 53) + 1];
    match random.below(3) {
        0 => edges[random.below(edges.len())],
        1 => i64::try_from(random.below(2000)).expect("small") - 1000,
        _ => random.next().cast_signed(),
    }
}

fn any_float(random: &mut Random) -> f64 {
    let edges = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        1.4,
        0.1,
        1e15,
        1e16,
        1e17,
        1e21,
        1e22,
        1e23,
        1e-5,
        1e308,
        f64::MAX,
        f64::MIN,
        f64::MIN_POSITIVE,
        5e-324,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
        9_007_199_254_740_993.0,
        9_223_372_036_854_775_807.0,
    ];
    match random.below(4) {
        0 => edges[random.below(edges.len())],
        #[expect(clippy::cast_precision_loss, reason = "any float will do")]
        1 => random.next() as f64,
        // Subnormal numbers.
        2 => f64::from_bits(random.next() >> 12),
        _ => f64::from_bits(random.next()),
    }
}

fn any_bytes(random: &mut Random) -> Vec<u8> {
    let pieces: [&[u8]; 20] = [
        b"a",
        b"wg",
        b"'",
        b"\"",
        b"\\",
        b"$x",
        b"{$x}",
        b"${x}",
        b"<?php",
        b"?>",
        b"\n",
        b"\r\n",
        b"\0",
        b"//",
        b"#",
        b"/*",
        "é".as_bytes(),
        "日本".as_bytes(),
        "\u{202e}".as_bytes(),
        b"\xff\xc3",
    ];
    if random.chance(10) {
        return (0..random.below(40)).map(|_| random.next().to_le_bytes()[0]).collect();
    }
    (0..random.below(5)).flat_map(|_| pieces[random.below(pieces.len())].iter().copied()).collect()
}

fn any_key(random: &mut Random) -> Key {
    let edges = ["1", "01", "+x", "", "0", "-0", "-1", "1.5", "1e3", " 1", "é", "a", "true", "9223372036854775808"];
    match random.below(4) {
        0 | 1 => Key::of(edges[random.below(edges.len())].as_bytes()),
        2 => Key::Int(any_integer(random)),
        _ => Key::of(&any_bytes(random)),
    }
}

/// A value whose keys often meet those of another: few of them, and what is below is often an array.
pub(super) fn meeting(random: &mut Random, depth: usize) -> Node {
    let value = match random.below(if depth == 0 { 7 } else { 12 }) {
        0 => Value::Null,
        1 | 2 => Value::Bool(random.chance(30)),
        3 => Value::Int(i64::try_from(random.below(9)).expect("small")),
        4 => Value::Float(0.5, "0.5".into()),
        5 | 6 => Value::Text(random.pick(&["", "a", "b", "0"]).into()),
        7 | 8 => Value::List((0..random.below(4)).map(|_| meeting(random, depth - 1)).collect()),
        _ => return random_map(random, meeting_key, depth - 1, meeting),
    };
    node(value)
}

/// An array of [`meeting`] values.
pub(super) fn meeting_array(random: &mut Random, depth: usize) -> Node {
    if random.chance(40) {
        list((0..random.below(4)).map(|_| meeting(random, depth)).collect())
    } else {
        random_map(random, meeting_key, depth, meeting)
    }
}

fn meeting_key(random: &mut Random) -> Key {
    let keys = [
        "a", "b", "c", "edit", "0", "1", "2", "5", "-3", "01", "1.5", " 7", "7 ", "1e2", "1e", "+", ".", ".5", "5.",
        "+1", "0x1", "é",
    ];
    Key::of(keys[random.below(keys.len())].as_bytes())
}
