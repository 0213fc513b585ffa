//! Any bytes through the quoter and back by a reader of PHP's two kinds of texts.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mwfarm::php::{self, Key, Value};

/// What PHP reads of a literal at the beginning of a text, and the rest of that.
fn read(text: &[u8]) -> (Vec<u8>, &[u8]) {
    let (quote, mut rest) = text.split_first().expect("a literal");
    let mut read = Vec::new();
    loop {
        let (byte, after) = rest.split_first().expect("a literal that ends");
        rest = after;
        match (quote, byte) {
            (b'\'', b'\'') | (b'"', b'"') => return (read, rest),
            (b'\'', b'\\') if matches!(rest[0], b'\\' | b'\'') => {
                read.push(rest[0]);
                rest = &rest[1..];
            }
            (b'"', b'\\') => {
                assert_eq!(rest[0], b'x', "an escape that is not written");
                let digits = std::str::from_utf8(&rest[1..3]).expect("digits");
                read.push(u8::from_str_radix(digits, 16).expect("digits"));
                rest = &rest[3..];
            }
            (b'"', b'$' | b'{') => panic!("an interpolation"),
            (b'\'' | b'"', byte) => read.push(*byte),
            _ => panic!("no literal"),
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let mut literal = String::new();
    php::string(&mut literal, data);
    assert_eq!(read(literal.as_bytes()), (data.to_vec(), &b""[..]));
    assert!(!literal.chars().any(|c| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')));

    let mut array = String::new();
    Value::Array(vec![(Key::Bytes(data.to_vec()), Value::Bytes(data.to_vec()))]).write(&mut array, 0);
    let (key, rest) = read(array.strip_prefix("[\n    ").expect("an array").as_bytes());
    let (value, rest) = read(rest.strip_prefix(b" => ").expect("a value"));
    assert_eq!((&*key, &*value, rest), (data, data, &b",\n]"[..]));

    if let Ok(text) = std::str::from_utf8(data) {
        let path = php::path_expression(text);
        let path = path.strip_prefix("'phar://' . ").unwrap_or(&path);
        let (below, rest) = read(path.strip_prefix("__DIR__ . ").expect("a path").as_bytes());
        assert_eq!((&*below, rest), (data, &b""[..]));
    }
});
