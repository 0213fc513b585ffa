//! JSON as PHP programs write it: objects keep the order of their keys, a key given twice is refused,
//! and an empty list stands for an empty object, because PHP writes it so.

use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::Error;

/// How deep objects and lists may be nested, also where nobody looks. PHP's own limit is 512.
const MOST_LEVELS: usize = 128;

/// How many entries one object or list may have of those that are looked at.
const MOST_ENTRIES: usize = 100_000;

/// Parses a whole file. What PHP's `json_decode` refuses is refused, in fields that do not matter too; besides nesting
/// deeper than [`MOST_LEVELS`] and a field given twice, of which PHP takes the last.
pub(super) fn parse<T: DeserializeOwned>(file: &str, bytes: &[u8]) -> Result<T, Error> {
    // PHP's `json_decode` takes neither: the file would not work with Composer or MediaWiki either.
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(Error::of_file(file, "begins with a byte order mark, which Composer does not accept"));
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(Error::of_file(file, "is UTF-16, but JSON is UTF-8"));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Error::of_file(file, format!("is not UTF-8: see {}", line(bytes, error.valid_up_to()))))?;
    check(bytes).map_err(|(reason, at)| Error::of_file(file, format!("{reason}: see {}", line(bytes, at))))?;
    match serde_json::from_str(text) {
        Ok(value) => Ok(value),
        // Following the path costs time, so only a file that is wrong is read again with it.
        Err(error) => Err(located(file, bytes, error, PhantomData::<T>)),
    }
}

/// Looks at what `serde_json` passes over in fields that nobody asked for: the depth, and halves of characters.
fn check(json: &[u8]) -> Result<(), (String, usize)> {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        at += 1;
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => at = string_end(json, at)?,
            _ => {}
        }
        if depth > MOST_LEVELS {
            return Err((format!("is nested deeper than {MOST_LEVELS} levels"), at));
        }
    }
    Ok(())
}

fn line(json: &[u8], at: usize) -> String {
    format!("line {}", memchr::memchr_iter(b'\n', &json[..at]).count() + 1)
}

/// Where the string ends whose first character is at `at`.
fn string_end(json: &[u8], mut at: usize) -> Result<usize, (String, usize)> {
    while let Some(offset) = memchr::memchr2(b'"', b'\\', &json[at..]) {
        at += offset;
        if json[at] == b'"' {
            return Ok(at + 1);
        }
        // Two bytes are an escape, or six, or the twelve of a character in two halves.
        match unit(&json[at..]) {
            Some(0xd800..=0xdbff) if matches!(unit(&json[at + 6..]), Some(0xdc00..=0xdfff)) => at += 12,
            Some(0xd800..=0xdfff) => return Err(("is not JSON: half a character".to_owned(), at)),
            Some(_) => at += 6,
            None => at = json.len().min(at + 2),
        }
    }
    Ok(json.len())
}

/// The number of an escape such as `\u00e9`.
fn unit(json: &[u8]) -> Option<u16> {
    let digits = json.strip_prefix(b"\\u")?.get(..4)?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn located<T: DeserializeOwned>(file: &str, bytes: &[u8], error: serde_json::Error, _: PhantomData<T>) -> Error {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let (path, error) = match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
        Err(located) => (located.path().to_string(), located.into_inner()),
        Ok(_) => (".".to_owned(), error),
    };
    let is_data = error.is_data();
    let error = ends(&error.to_string());
    if is_data && path != "." {
        return Error::Field { file: file.to_owned(), field: path, reason: error };
    }
    if is_data {
        return Error::of_file(file, format!("has the wrong form: {error}"));
    }
    Error::of_file(file, format!("is not JSON: {error}"))
}

/// A message that may quote a text of any length: its beginning and its end.
fn ends(message: &str) -> String {
    const SHOWN: usize = 200;
    let count = message.chars().count();
    if count <= 2 * SHOWN {
        return message.to_owned();
    }
    message.chars().take(SHOWN).chain(['…']).chain(message.chars().skip(count - SHOWN)).collect()
}

/// An object whose keys are names: pairs in the order written.
#[derive(Debug, Clone)]
pub(super) struct Pairs<T>(pub(super) Vec<(String, T)>);

impl<T> Default for Pairs<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Pairs<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PairsVisitor(PhantomData))
    }
}

struct PairsVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for PairsVisitor<T> {
    type Value = Pairs<T>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            let value = map.next_value()?;
            if !seen.insert(key.clone()) {
                return Err(A::Error::custom(format_args!("duplicate key `{}`", key.escape_debug())));
            }
            pairs.push((key, value));
            at_most(pairs.len())?;
        }
        Ok(Pairs(pairs))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        only_empty(seq)?;
        Ok(Pairs::default())
    }
}

/// An object with known fields. A derived type alone would also take a list, field by field.
#[derive(Debug, Clone, Default)]
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        only_empty(seq)?;
        Ok(Object::default())
    }
}

fn at_most<E: serde::de::Error>(entries: usize) -> Result<(), E> {
    if entries > MOST_ENTRIES {
        return Err(E::custom(format_args!("has more than {MOST_ENTRIES} entries")));
    }
    Ok(())
}

/// A list of objects.
#[derive(Debug, Clone)]
pub(super) struct Objects<T>(pub(super) Vec<T>);

impl<T> Default for Objects<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Objects<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ObjectsVisitor(PhantomData))
    }
}

struct ObjectsVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for ObjectsVisitor<T> {
    type Value = Objects<T>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut objects = Vec::new();
        while let Some(Object(object)) = seq.next_element()? {
            objects.push(object);
            at_most(objects.len())?;
        }
        Ok(Objects(objects))
    }
}

fn only_empty<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<(), A::Error> {
    match seq.next_element::<IgnoredAny>()? {
        None => Ok(()),
        Some(_) => Err(A::Error::custom("expected an object, found a list")),
    }
}

/// A string, or a list of strings; of an object only the values count, as PHP's casts have it.
#[derive(Debug, Clone, Default)]
pub(super) struct Strings(pub(super) Vec<String>);

impl<'de> Deserialize<'de> for Strings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StringsVisitor)
    }
}

struct StringsVisitor;

impl<'de> Visitor<'de> for StringsVisitor {
    type Value = Strings;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a string or a list of strings")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Strings(vec![text.to_owned()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut strings = Vec::new();
        while let Some(text) = seq.next_element()? {
            strings.push(text);
            at_most(strings.len())?;
        }
        Ok(Strings(strings))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let pairs = PairsVisitor(PhantomData).visit_map(map)?;
        Ok(Strings(pairs.0.into_iter().map(|(_, text)| text).collect()))
    }
}

/// A field whose `null` means something else than its absence.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Given<T> {
    /// It is not there.
    #[default]
    Not,
    /// It is `null`.
    Null,
    /// It has a value.
    Value(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Given<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(|given| given.map_or(Self::Null, Self::Value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, Deserialize)]
    struct Sample {
        require: Option<Pairs<String>>,
        files: Option<Strings>,
        inner: Option<Object<Inner>>,
        #[serde(default)]
        path: Given<String>,
    }

    #[derive(Debug, Default, Deserialize)]
    struct Inner {
        on: Option<bool>,
    }

    fn read(text: &str) -> Result<Sample, String> {
        parse::<Object<Sample>>("x.json", text.as_bytes()).map(|o| o.0).map_err(|e| e.to_string())
    }

    fn message(bytes: &[u8]) -> String {
        parse::<Object<Sample>>("x.json", bytes).map(|o| o.0).expect_err("refused").to_string()
    }

    #[test]
    fn keys_keep_their_order_and_an_empty_list_is_an_empty_object() {
        let sample = read(r#"{"require": {"z/z": "1", "a/a": "2"}, "inner": []}"#).expect("good");
        let names: Vec<_> = sample.require.expect("given").0.into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["z/z", "a/a"]);
        assert_eq!(sample.inner.expect("given").0.on, None);
        assert!(read(r#"{"require": []}"#).expect("good").require.expect("given").0.is_empty());
    }

    #[test]
    fn one_string_is_a_list_of_one() {
        assert_eq!(read(r#"{"files": "a"}"#).expect("good").files.expect("given").0, ["a"]);
        assert_eq!(read(r#"{"files": ["a", "b"]}"#).expect("good").files.expect("given").0, ["a", "b"]);
        assert_eq!(read(r#"{"files": {"0": "a"}}"#).expect("good").files.expect("given").0, ["a"]);
    }

    #[test]
    fn null_is_told_from_nothing() {
        assert_eq!(read("{}").expect("good").path, Given::Not);
        assert_eq!(read(r#"{"path": null}"#).expect("good").path, Given::Null);
    }

    #[test]
    fn bad_files_are_refused_with_their_field() {
        let cases: &[(&[u8], &str)] = &[
            (
                br#"{"require": {"a/a": 1}}"#,
                "`x.json`, field `require.a/a`: invalid type: integer `1`, expected a string",
            ),
            (br#"{"require": {"a/a": "1", "a/a": "2"}}"#, "`x.json`, field `require`: duplicate key `a/a`"),
            (br#"{"require": "a/a"}"#, "`x.json`, field `require`: invalid type: string \"a/a\", expected an object"),
            (br#"{"require": ["a/a"]}"#, "`x.json`, field `require`: expected an object, found a list"),
            (br#"{"files": [1]}"#, "`x.json`, field `files[0]`: invalid type: integer `1`"),
            (
                br#"{"inner": {"on": "yes"}}"#,
                "`x.json`, field `inner.on`: invalid type: string \"yes\", expected a boolean",
            ),
            (br#"{"require": {}, "require": {}}"#, "`x.json` has the wrong form: duplicate field `require`"),
            (b"[{}]", "`x.json` has the wrong form: expected an object, found a list"),
            (br#"{"files": "a",}"#, "`x.json` is not JSON: trailing comma"),
            (b"{} x", "`x.json` is not JSON: trailing characters"),
            (b"", "`x.json` is not JSON: EOF"),
            (b"{\n\"files\": \"\xff\"}", "`x.json` is not UTF-8: see line 2"),
            (b"{\"unused\": \"\xff\"}", "`x.json` is not UTF-8: see line 1"),
            (br#"{"unused": "\ud800"}"#, "`x.json` is not JSON: half a character: see line 1"),
            (br#"{"unused": "\ud800\u0041"}"#, "`x.json` is not JSON: half a character: see line 1"),
            (br#"{"unused": "\udc00"}"#, "`x.json` is not JSON: half a character: see line 1"),
            (br#"{"unused": "\u12"}"#, "`x.json` is not JSON: "),
            (br#"{"unused": "\"#, "`x.json` is not JSON: EOF"),
            (b"\xef\xbb\xbf{}", "`x.json` begins with a byte order mark"),
            (b"\xff\xfe{\0}\0", "`x.json` is UTF-16"),
        ];
        for (bytes, expected) in cases {
            let found = message(bytes);
            assert!(found.starts_with(expected), "{found}\nshould begin with\n{expected}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_wherever_it_is() {
        for field in ["files", "unused"] {
            for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
                let nested = |levels| format!("{{\"{field}\": {}1{}}}", open.repeat(levels), close.repeat(levels));
                let found = message(nested(100_000).as_bytes());
                assert_eq!(found, "`x.json` is nested deeper than 128 levels: see line 1");
                assert_eq!(message(nested(128).as_bytes()), found);
            }
        }
        assert!(read(&format!("{{\"unused\": {}{}}}", "[".repeat(127), "]".repeat(127))).is_ok());
        assert!(read(r#"{"unused": "[[[\"[[{{\\\u005b\ud83d\ude00"}"#).is_ok());
    }

    #[test]
    fn entries_are_counted() {
        let many = (0..=MOST_ENTRIES).map(|at| format!("\"a/{at}\": \"1\"")).collect::<Vec<_>>().join(",");
        let found = message(format!("{{\"require\": {{{many}}}}}").as_bytes());
        assert!(found.starts_with("`x.json`, field `require`: has more than 100000 entries"), "{found}");
        let many = vec!["\"\""; MOST_ENTRIES + 1].join(",");
        let found = message(format!("{{\"files\": [{many}]}}").as_bytes());
        assert!(found.starts_with("`x.json`, field `files`: has more than 100000 entries"), "{found}");
        let many = vec!["[]"; MOST_ENTRIES + 1].join(",");
        let found = parse::<Objects<Inner>>("x.json", format!("[{many}]").as_bytes()).expect_err("refused").to_string();
        assert!(found.contains("has more than 100000 entries"), "{found}");
    }
}
