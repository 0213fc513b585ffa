//! What an unquoted scalar is. The rules are Symfony's, with which MediaWikiFarm reads; scalars which other readers of
//! YAML 1.2 take for something else are refused, so that a file means the same to everybody.

use super::super::super::value::{Text, Value};

/// An unquoted scalar that is not the same for everybody.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ambiguous {
    /// What some take it for: a phrase that follows the scalar.
    pub(super) reason: &'static str,
    /// What to write instead.
    pub(super) hint: &'static str,
}

/// The value of an unquoted scalar.
pub(super) fn plain(text: &str) -> Result<Value, Ambiguous> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "true" | "True" | "TRUE" => return Ok(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Value::Bool(false)),
        _ => {}
    }
    if ["null", "true", "false"].iter().any(|word| text.eq_ignore_ascii_case(word)) {
        return ambiguous(
            "is a text for some readers of YAML, and none for others",
            "write it in lower case, or quote it",
        );
    }
    match text.as_bytes()[0] {
        b'0'..=b'9' | b'+' | b'-' | b'.' => number(text),
        _ => Ok(Value::Text(text.into())),
    }
}

fn number(text: &str) -> Result<Value, Ambiguous> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_digits(unsigned) {
        return integer(text, unsigned);
    }
    if let Some(value) = prefixed(text, unsigned)? {
        return Ok(value);
    }
    if is_grouped(unsigned) {
        return ambiguous(
            "is a number for some readers of YAML, and a text for others",
            "write a number without `_`, or quote it",
        );
    }
    if is_float(unsigned) {
        let float = text.parse().unwrap_or(f64::NAN);
        return Ok(Value::Float(float, text.into()));
    }
    match text {
        ".inf" | ".Inf" | ".INF" => return Ok(Value::Float(f64::INFINITY, text.into())),
        "-.inf" | "-.Inf" | "-.INF" => return Ok(Value::Float(f64::NEG_INFINITY, text.into())),
        _ if unsigned.eq_ignore_ascii_case(".inf") || text.eq_ignore_ascii_case(".nan") => {
            return ambiguous(
                "is a float for some readers of YAML, and a text for others",
                "write `.inf` or `-.inf`, or quote it",
            );
        }
        _ => {}
    }
    if is_timestamp(text) {
        return ambiguous("is a point in time for some readers of YAML, and a text for others", "quote it");
    }
    Ok(Value::Text(text.into()))
}

/// Decimal digits with or without a sign. Past 64 bits they are a text, as for Symfony.
fn integer(text: &str, digits: &str) -> Result<Value, Ambiguous> {
    if text.starts_with('+') {
        return ambiguous(
            "is an integer for some readers of YAML, and a float for others",
            "write it without `+`, or quote it",
        );
    }
    if digits.len() > 1 && digits.starts_with('0') {
        return ambiguous(
            "is octal for some readers of YAML, and decimal or a text for others",
            "write it without the zeros before it, or quote it",
        );
    }
    if text == "-0" {
        return ambiguous("is an integer for some readers of YAML, and a text for others", "write `0`, or quote it");
    }
    Ok(text.parse().map_or_else(|_| Value::Text(text.into()), Value::Int))
}

/// `0x1F`, and what looks like it.
fn prefixed(text: &str, unsigned: &str) -> Result<Option<Value>, Ambiguous> {
    const HINT: &str = "write the number in decimal, or quote it";
    if let Some(digits) = unsigned.strip_prefix("0o") {
        if !digits.is_empty() && digits.bytes().all(|byte| matches!(byte, b'0'..=b'7' | b'_')) {
            return ambiguous("is octal for some readers of YAML, and a text for others", HINT);
        }
        return Ok(None);
    }
    let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) else { return Ok(None) };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'_') {
        return Ok(None);
    }
    match i64::from_str_radix(digits, 16) {
        Ok(number) if text.starts_with("0x") && !digits.contains('_') => Ok(Some(Value::Int(number))),
        _ => ambiguous("is a hexadecimal number for some readers of YAML only", HINT),
    }
}

/// `12_000`, `1_000.5`: digits, of which one is followed by `_`.
fn is_grouped(unsigned: &str) -> bool {
    let (whole, fraction) = unsigned.split_once('.').map_or((unsigned, None), |(whole, rest)| (whole, Some(rest)));
    let is_group = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    unsigned.contains('_')
        && whole.starts_with(|first: char| first.is_ascii_digit())
        && is_group(whole)
        && fraction.is_none_or(is_group)
}

/// YAML's float without sign, which is also PHP's: `1.5`, `1.`, `.5`, `1e3`.
fn is_float(unsigned: &str) -> bool {
    let (number, exponent) = unsigned.split_once(['e', 'E']).map_or((unsigned, None), |(a, b)| (a, Some(b)));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let exponent = exponent.is_none_or(|text| {
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        !unsigned.is_empty() && digits(unsigned)
    });
    exponent && digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty())
}

/// A date, alone or with a time: `2026-01-02`, `2026-1-2 3:04:05.6 +2:00`.
fn is_timestamp(text: &str) -> bool {
    let mut rest = Scan(text.as_bytes());
    let date = rest.digits(4..=4) && rest.one(b"-") && rest.digits(1..=2) && rest.one(b"-") && rest.digits(1..=2);
    if !date || rest.0.is_empty() {
        return date;
    }
    let time = (rest.one(b"Tt") || rest.blanks() > 0)
        && rest.digits(1..=2)
        && rest.one(b":")
        && rest.digits(2..=2)
        && rest.one(b":")
        && rest.digits(2..=2);
    if !time {
        return false;
    }
    if rest.one(b".") {
        rest.digits(0..=usize::MAX);
    }
    rest.blanks();
    if !rest.one(b"Z") && rest.one(b"+-") {
        let zone = rest.digits(1..=2) && (!rest.one(b":") || rest.digits(2..=2));
        return zone && rest.0.is_empty();
    }
    rest.0.is_empty()
}

/// What is left of a text that is looked at from its beginning.
struct Scan<'t>(&'t [u8]);

impl Scan<'_> {
    fn one(&mut self, of: &[u8]) -> bool {
        let found = self.0.first().is_some_and(|byte| of.contains(byte));
        self.0 = &self.0[usize::from(found)..];
        found
    }

    /// Takes digits, as many as there may be; false when those are too few.
    fn digits(&mut self, count: std::ops::RangeInclusive<usize>) -> bool {
        let there = self.0.iter().take(*count.end()).take_while(|byte| byte.is_ascii_digit()).count();
        self.0 = &self.0[there..];
        count.contains(&there)
    }

    fn blanks(&mut self) -> usize {
        let there = self.0.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        self.0 = &self.0[there..];
        there
    }
}

fn ambiguous<T>(reason: &'static str, hint: &'static str) -> Result<T, Ambiguous> {
    Err(Ambiguous { reason, hint })
}

/// The scalars among YAML's own tags.
pub(super) const TAGS: [&str; 6] = ["str", "binary", "null", "bool", "int", "float"];

/// The value of a scalar with one of [`TAGS`], when it fits.
pub(super) fn tagged(kind: &str, text: &str) -> Option<Value> {
    let value = match kind {
        "str" => return Some(Value::Text(Text::from(text))),
        "binary" => return base64(text).map(|bytes| Value::Text(Text::new(bytes))),
        _ => plain(text).ok()?,
    };
    match (kind, value) {
        ("float", Value::Int(_)) => Some(Value::Float(text.parse().ok()?, text.into())),
        ("null", value @ Value::Null)
        | ("bool", value @ Value::Bool(_))
        | ("int", value @ Value::Int(_))
        | ("float", value @ Value::Float(..)) => Some(value),
        _ => None,
    }
}

/// Bytes in base64, with padding; white space between digits does not count.
fn base64(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let padding = digits.iter().rev().take_while(|byte| **byte == b'=').count();
    if !digits.len().is_multiple_of(4) || padding > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for digit in &digits[..digits.len() - padding] {
        let six = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    Some(bytes)
}
