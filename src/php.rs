//! PHP text: the one place that quotes values.
//!
//! Everything that reaches generated PHP passes through [`string`], [`path`] or [`Value`]: keys as well as values,
//! since both come from strangers. Composer's `var_export` leaves control characters raw; here they are escaped, so
//! that a generated file survives text-mode tools, and nothing outside the quotes is ever taken from input.

use std::fmt::Write;

/// The arguments of a PHP that only reads code. Its own configuration is read, since there its module for tokens is named;
/// what is loaded for every script is not.
pub const READING: &[&str] = &[
    "-d",
    "memory_limit=1G",
    "-d",
    "auto_prepend_file=",
    "-d",
    "auto_append_file=",
    "-d",
    "display_errors=stderr",
    "-d",
    "short_open_tag=0",
    "-d",
    "opcache.preload=",
];

/// A PHP value that can be written as a literal.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float, infinite ones and NaN, too.
    Float(f64),
    /// A string.
    Text(String),
    /// A string of any bytes.
    Bytes(Vec<u8>),
    /// `__DIR__ . '…'`: a path relative to the generated file's directory. The text begins with `/`.
    Path(String),
    /// `\dirname(__DIR__) . '…'`: the same for a file one directory deeper.
    PathAbove(String),
    /// An array with keys 0, 1, 2 …
    List(Vec<Value>),
    /// An array with string keys, in this order.
    Map(Vec<(String, Value)>),
    /// An array with keys of both kinds, in this order.
    Array(Vec<(Key, Value)>),
}

/// A key of an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// An integer.
    Int(i64),
    /// A string of any bytes. PHP takes one that looks like an integer for the integer: `7` and `-7`, but not `07`.
    Bytes(Vec<u8>),
}

impl Value {
    /// A string.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// A list of strings.
    #[must_use]
    pub fn texts<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::List(texts.into_iter().map(|text| Self::text(text.as_ref())).collect())
    }

    /// The value for a file that lies one directory deeper.
    #[must_use]
    pub fn deeper(self) -> Self {
        match self {
            Self::Path(text) => Self::PathAbove(text),
            Self::List(values) => Self::List(values.into_iter().map(Self::deeper).collect()),
            Self::Map(values) => Self::Map(values.into_iter().map(|(key, value)| (key, value.deeper())).collect()),
            Self::Array(values) => Self::Array(values.into_iter().map(|(key, value)| (key, value.deeper())).collect()),
            other => other,
        }
    }

    /// Writes the literal, indented by four spaces a level; `level` is that of the line it begins on.
    ///
    /// What mwfarm makes nests a few levels only, and what settings files hold as many as their reader lets pass, so
    /// recursion is bounded.
    pub fn write(&self, out: &mut String, level: usize) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(true) => out.push_str("true"),
            Self::Bool(false) => out.push_str("false"),
            Self::Int(number) => integer(out, *number),
            Self::Float(number) => float(out, *number),
            Self::Text(text) => string(out, text.as_bytes()),
            Self::Bytes(bytes) => string(out, bytes),
            Self::Path(text) => path(out, text),
            Self::PathAbove(text) => {
                out.push_str("\\dirname(__DIR__) . ");
                string(out, text.as_bytes());
            }
            Self::List(values) => array(out, level, values, |value, _| value),
            Self::Map(values) => array(out, level, values, |(key, value), out| {
                string(out, key.as_bytes());
                out.push_str(" => ");
                value
            }),
            Self::Array(values) => array(out, level, values, |(key, value), out| {
                key.write(out);
                out.push_str(" => ");
                value
            }),
        }
    }
}
impl Key {
    /// Writes the literal.
    pub fn write(&self, out: &mut String) {
        match self {
            Self::Int(number) => integer(out, *number),
            Self::Bytes(bytes) => string(out, bytes),
        }
    }
}

/// Writes an array, an entry a line; `key` writes what stands before a value.
fn array<T>(out: &mut String, level: usize, entries: &[T], key: impl for<'a> Fn(&'a T, &mut String) -> &'a Value) {
    if entries.is_empty() {
        out.push_str("[]");
        return;
    }
    out.push_str("[\n");
    for entry in entries {
        indent(out, level + 1);
        key(entry, out).write(out, level + 1);
        out.push_str(",\n");
    }
    indent(out, level);
    out.push(']');
}

/// Writes an integer. The least one has no literal: its digits alone are a float, to which the sign comes later.
fn integer(out: &mut String, number: i64) {
    if number == i64::MIN {
        out.push_str("\\PHP_INT_MIN");
    } else {
        let _ = write!(out, "{number}");
    }
}

/// Writes the shortest literal that PHP reads as the same float; it has a point or an exponent, and is no integer.
fn float(out: &mut String, number: f64) {
    if number.is_nan() {
        out.push_str("\\NAN");
    } else if number.is_infinite() {
        out.push_str(if number > 0.0 { "\\INF" } else { "-\\INF" });
    } else {
        let _ = write!(out, "{number:?}");
    }
}

/// Writes four spaces a level.
pub fn indent(out: &mut String, level: usize) {
    for _ in 0..level {
        out.push_str("    ");
    }
}

/// Writes a string literal for any bytes.
///
/// Printable UTF-8 goes into single quotes with `\` and `'` escaped. Anything else goes into double quotes with
/// `\xNN` for every byte outside `[A-Za-z0-9 _./:-]`, which leaves nothing for PHP to interpolate.
pub fn string(out: &mut String, bytes: &[u8]) {
    // Almost every name is ASCII: no look at characters then. All bytes are looked at, so that it is done by many at
    // a time.
    let plain = bytes.iter().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~'));
    let printable = std::str::from_utf8(bytes).ok().filter(|text| plain || !text.chars().any(unprintable));
    if let Some(text) = printable {
        out.push('\'');
        let mut written = 0;
        for at in memchr::memchr2_iter(b'\\', b'\'', bytes) {
            out.push_str(&text[written..at]);
            out.push('\\');
            written = at;
        }
        out.push_str(&text[written..]);
        out.push('\'');
        return;
    }
    out.push('"');
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b" _./:-".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out.push('"');
}

/// Writes `__DIR__ . '…'`, or with `phar://` before it when the path leads into a phar, as Composer does.
pub fn path(out: &mut String, path: &str) {
    if path.contains(".phar") && path.split('/').any(|part| part.as_bytes().ends_with(b".phar")) {
        out.push_str("'phar://' . ");
    }
    out.push_str("__DIR__ . ");
    string(out, path.as_bytes());
}

/// The expression of [`path`], for use inside other text.
#[must_use]
pub fn path_expression(path_text: &str) -> String {
    let mut out = String::new();
    path(&mut out, path_text);
    out
}

/// The literal of [`string`], for use inside other text.
#[must_use]
pub fn string_literal(text: &str) -> String {
    let mut out = String::new();
    string(&mut out, text.as_bytes());
    out
}

/// Control characters, and the bidirectional and invisible ones that make source text lie.
fn unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(bytes: &[u8]) -> String {
        let mut out = String::new();
        string(&mut out, bytes);
        out
    }

    #[test]
    fn strings_are_quoted() {
        assert_eq!(quoted(b""), "''");
        assert_eq!(quoted(br"Foo\Bar"), r"'Foo\\Bar'");
        assert_eq!(quoted(br"\"), r"'\\'");
        assert_eq!(quoted(b"it's $x"), r"'it\'s $x'");
        assert_eq!(quoted("é".as_bytes()), "'é'");
        assert_eq!(quoted(b"\xe9${a}"), r#""\xe9\x24\x7ba\x7d""#);
        assert_eq!(quoted(b"a\nb?>"), r#""a\x0ab\x3f\x3e""#);
        assert_eq!(quoted("a\u{202e}b".as_bytes()), r#""a\xe2\x80\xaeb""#);
    }

    #[test]
    fn paths_lead_into_phars() {
        let mut out = String::new();
        path(&mut out, "/x/a.phar/b.php");
        assert_eq!(out, "'phar://' . __DIR__ . '/x/a.phar/b.php'");
    }

    #[test]
    fn numbers_stay_what_they_are() {
        let cases = [
            (Value::Int(i64::MAX), "9223372036854775807"),
            (Value::Int(i64::MIN), "\\PHP_INT_MIN"),
            (Value::Int(i64::MIN + 1), "-9223372036854775807"),
            (Value::Float(0.0), "0.0"),
            (Value::Float(-0.0), "-0.0"),
            (Value::Float(1.4), "1.4"),
            (Value::Float(1e15), "1000000000000000.0"),
            (Value::Float(1e308), "1e308"),
            (Value::Float(5e-324), "5e-324"),
            (Value::Float(-1.5e-7), "-1.5e-7"),
            (Value::Float(f64::INFINITY), "\\INF"),
            (Value::Float(f64::NEG_INFINITY), "-\\INF"),
            (Value::Float(f64::NAN), "\\NAN"),
        ];
        for (value, literal) in cases {
            let mut out = String::new();
            value.write(&mut out, 0);
            assert_eq!(out, literal);
        }
    }

    #[test]
    fn keys_are_of_two_kinds() {
        let pairs = [Key::Int(1), Key::Bytes(b"01".to_vec()), Key::Bytes(b"\xff".to_vec()), Key::Int(i64::MIN)];
        let mut out = String::new();
        Value::Array(pairs.map(|key| (key, Value::Bytes(b"a'\0".to_vec()))).to_vec()).write(&mut out, 0);
        let value = r#""a\x27\x00""#;
        assert_eq!(
            out,
            format!(
                "[\n    1 => {value},\n    '01' => {value},\n    \"\\xff\" => {value},\n    \\PHP_INT_MIN => {value},\n]"
            )
        );
    }

    #[test]
    fn values_nest() {
        let value = Value::Map(vec![
            ("a".to_owned(), Value::List(vec![Value::Null, Value::Int(-1)])),
            ("b".to_owned(), Value::Map(vec![])),
        ]);
        let mut out = String::new();
        value.write(&mut out, 0);
        assert_eq!(out, "[\n    'a' => [\n        null,\n        -1,\n    ],\n    'b' => [],\n]");
    }
}
