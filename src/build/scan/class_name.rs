//! The name of a class as Composer's scanner reads it: bytes, because PHP allows every byte from 0x7f up.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The name of a class, interface, trait or enum with its namespace, without a leading `\`.
///
/// It never holds a NUL. In JSON it is the name itself when that is UTF-8, otherwise `"\u0000"` and the bytes in
/// lower-case hex.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassName(Box<[u8]>);

impl ClassName {
    /// A name from its bytes; `None` when they hold a NUL.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (!bytes.contains(&0)).then(|| Self(bytes.into()))
    }

    /// A name from parts that the scanner found: neither namespaces nor names it accepts can hold a NUL.
    pub(super) fn found(bytes: Vec<u8>) -> Self {
        debug_assert!(!bytes.contains(&0));
        Self(bytes.into_boxed_slice())
    }

    /// The bytes, as the PHP file has them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// For messages only: bytes that are not UTF-8 are replaced.
    #[must_use]
    pub fn to_string_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }
}

impl Serialize for ClassName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use fmt::Write;
        if let Ok(text) = std::str::from_utf8(&self.0) {
            return serializer.serialize_str(text);
        }
        let hex = self.0.iter().fold(String::from('\0'), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        serializer.serialize_str(&hex)
    }
}

impl<'de> Deserialize<'de> for ClassName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.strip_prefix('\0') {
            None => Self::new(text.as_bytes()),
            Some(hex) => unhex(hex.as_bytes())
                .filter(|bytes| std::str::from_utf8(bytes).is_err())
                .and_then(|bytes| Self::new(&bytes)),
        }
        .ok_or_else(|| de::Error::custom("expected a class name, or NUL and lower-case hex of one that is not UTF-8"))
    }
}

fn unhex(hex: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = hex.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_every_name_apart() {
        for (bytes, json) in [
            (&b"A\\B"[..], r#""A\\B""#),
            ("Ä".as_bytes(), "\"Ä\""),
            (b"\xc4", r#""\u0000c4""#),
            (b"c4", r#""c4""#),
            (b"A\\\xff", r#""\u0000415cff""#),
        ] {
            let name = ClassName::new(bytes).unwrap();
            assert_eq!(serde_json::to_string(&name).unwrap(), json);
            assert_eq!(serde_json::from_str::<ClassName>(json).unwrap(), name);
        }
    }

    #[test]
    fn json_that_no_name_gives_is_refused() {
        for json in
            [r#""a\u0000b""#, r#""\u0000c""#, r#""\u0000C4""#, r#""\u000041""#, r#""\u000000ff""#, r#""\u0000""#]
        {
            assert!(serde_json::from_str::<ClassName>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn a_nul_is_no_part_of_a_name() {
        assert_eq!(ClassName::new(b"A\0"), None);
    }
}
