//! What settings files hold: PHP's data, each value with the place where it is written.

use std::borrow::Cow;
use std::fmt;

/// One of the files that were read, as an index into [`Sources`](super::read::Sources).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

/// Where a value is written. It is no part of the value: two nodes are equal when their values are.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    /// The file.
    pub file: FileId,
    /// The line, from 1; 0 when the format does not tell (serialized PHP and PHP files).
    pub line: u32,
}

/// A value with its place.
#[derive(Debug, Clone)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Its place.
    pub mark: Mark,
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// PHP's data.
#[derive(Debug, Clone)]
pub enum Value {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float, with its text as written: `1.40` names a version, and is no `1.4`.
    Float(f64, Box<str>),
    /// A string.
    Text(Text),
    /// A sequence of YAML or JSON, a `.dblist`, or an array of PHP with the keys 0, 1, 2 … in this order.
    List(Vec<Node>),
    /// A mapping of YAML or JSON, or any other array of PHP, in the order written. No key stands there twice.
    Map(Vec<(Key, Node)>),
}

impl PartialEq for Value {
    /// PHP's `===`, but that a list is not the map with the same keys; NaN equals itself.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Float(a, _), Self::Float(b, _)) => a.to_bits() == b.to_bits() || a == b,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::List(a), Self::List(b)) => a == b,
            (Self::Map(a), Self::Map(b)) => a == b,
            _ => false,
        }
    }
}

/// The key of an array.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// An integer; PHP takes texts that look like one, such as `7` and `-7` but not `07`, for the integer.
    Int(i64),
    /// Any other text.
    Text(Text),
}

/// A string of PHP: bytes, in almost all cases UTF-8.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Text(Box<[u8]>);

impl Text {
    /// Takes the bytes.
    #[must_use]
    pub fn new(bytes: impl Into<Box<[u8]>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text, if it is UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().into())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into_bytes().into())
    }
}

impl fmt::Display for Text {
    /// For messages: bytes that are not UTF-8 as `\xNN`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            f.write_str(chunk.valid())?;
            chunk.invalid().iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

impl Key {
    /// The key that PHP makes of a text: `7` is the integer, `07`, `+7` and `7.0` are texts.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
        let canonical = match digits {
            [b'0'] => bytes.len() == 1,
            [b'1'..=b'9', rest @ ..] => digits.len() <= 19 && rest.iter().all(u8::is_ascii_digit),
            _ => false,
        };
        let number = std::str::from_utf8(bytes).ok().filter(|_| canonical).and_then(|text| text.parse().ok());
        number.map_or_else(|| Self::Text(Text::new(bytes)), Self::Int)
    }

    /// The key as a name: an integer in digits; nothing when it is not UTF-8.
    #[must_use]
    pub fn name(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Int(number) => Some(Cow::Owned(number.to_string())),
            Self::Text(text) => text.as_str().map(Cow::Borrowed),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(number) => write!(f, "{number}"),
            Self::Text(text) => write!(f, "{text}"),
        }
    }
}

impl Node {
    /// The value as a name, such as that of a wiki or a version: texts, and numbers as they are written.
    #[must_use]
    pub fn name(&self) -> Option<Cow<'_, str>> {
        match &self.value {
            Value::Int(number) => Some(Cow::Owned(number.to_string())),
            Value::Float(_, text) => Some(Cow::Borrowed(text)),
            Value::Text(text) => text.as_str().map(Cow::Borrowed),
            _ => None,
        }
    }

    /// The pairs of a map; none of an empty list, because PHP knows one empty array only.
    #[must_use]
    pub fn map(&self) -> Option<&[(Key, Node)]> {
        match &self.value {
            Value::Map(pairs) => Some(pairs),
            Value::List(items) if items.is_empty() => Some(&[]),
            _ => None,
        }
    }

    /// What the value is, for messages: `a list`, `true`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "null",
            Value::Bool(true) => "true",
            Value::Bool(false) => "false",
            Value::Int(_) => "an integer",
            Value::Float(..) => "a float",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

impl Value {
    /// Whether it is an array of PHP.
    #[must_use]
    pub fn is_array(&self) -> bool {
        matches!(self, Self::List(_) | Self::Map(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_that_php_makes() {
        for (text, number) in
            [("0", 0), ("7", 7), ("-7", -7), ("9223372036854775807", i64::MAX), ("-9223372036854775808", i64::MIN)]
        {
            assert_eq!(Key::of(text.as_bytes()), Key::Int(number), "{text}");
        }
        for text in ["", "-", "-0", "07", "+7", "7.0", " 7", "9223372036854775808", "1e3"] {
            assert_eq!(Key::of(text.as_bytes()), Key::Text(text.into()), "{text}");
        }
    }
}
