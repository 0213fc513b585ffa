//! JSON, with the line of each value. `serde_json` knows the grammar; what it does not tell is where a value stands,
//! how a float was written, and that a key came twice, so each array is opened on its own.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::super::value::{FileId, Key, Mark, Node, Text, Value};
use super::problem::{Problem, said, shown};
use super::{MAX_DEPTH, MAX_VALUES};

/// Reads a document as PHP's `json_decode` does, but that keys given twice are refused.
pub(super) fn parse(text: &str, file: FileId) -> Result<Node, Problem> {
    if text.trim_ascii().is_empty() {
        return Err(Problem::new(0, "is empty").hint("an empty list is `[]`, an empty map `{}`"));
    }
    let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(place, _)| place).collect();
    let mut reader = Reader { text, ends, values: 0, file };
    let raw = serde_json::from_str::<&RawValue>(text).map_err(|error| reader.syntax(text, &error))?;
    reader.value(raw, 0)
}

struct Reader<'t> {
    text: &'t str,
    /// Where the lines end.
    ends: Vec<usize>,
    values: usize,
    file: FileId,
}

/// The members of an object, with what is repeated among them.
struct Members<'t>(Vec<(String, &'t RawValue)>);

impl<'t> Reader<'t> {
    /// One value; `depth` arrays are around it. Recursion ends at [`MAX_DEPTH`].
    fn value(&mut self, raw: &'t RawValue, depth: usize) -> Result<Node, Problem> {
        let text = raw.get();
        let line = self.line(text);
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(Problem::new(line, format!("holds more than {MAX_VALUES} values")));
        }
        let first = text.as_bytes().first().copied().unwrap_or_default();
        if matches!(first, b'{' | b'[') && depth == MAX_DEPTH {
            return Err(Problem::new(line, format!("is nested more than {MAX_DEPTH} deep")));
        }
        let value = match first {
            b'{' => self.object(text, depth)?,
            b'[' => {
                let items: Vec<&RawValue> = self.opened(text)?;
                let items = items.into_iter().enumerate();
                let nodes =
                    items.map(|(index, item)| self.value(item, depth + 1).map_err(|problem| problem.in_item(index)));
                Value::List(nodes.collect::<Result<_, _>>()?)
            }
            b'"' => Value::Text(Text::from(self.opened::<String>(text)?)),
            b't' => Value::Bool(true),
            b'f' => Value::Bool(false),
            b'n' => Value::Null,
            _ => self.number(text)?,
        };
        Ok(Node { value, mark: Mark { file: self.file, line } })
    }

    fn object(&mut self, text: &'t str, depth: usize) -> Result<Value, Problem> {
        let Members(members) = self.opened(text)?;
        let mut pairs = Vec::with_capacity(members.len());
        let mut seen = HashSet::with_capacity(members.len());
        for (name, raw) in members {
            let key = Key::of(name.as_bytes());
            if !seen.insert(key.clone()) {
                let line = self.line(raw.get());
                return Err(Problem::new(line, format!("the key `{}` is given twice", shown(&name))));
            }
            let node = self.value(raw, depth + 1).map_err(|problem| problem.in_key(&key))?;
            pairs.push((key, node));
        }
        Ok(Value::Map(pairs))
    }

    /// PHP takes integers that do not fit into 64 bits for floats.
    fn number(&self, text: &str) -> Result<Value, Problem> {
        if let Ok(integer) = text.parse() {
            return Ok(Value::Int(integer));
        }
        match text.parse() {
            Ok(float) => Ok(Value::Float(float, text.into())),
            Err(_) => Err(Problem::new(self.line(text), format!("`{}` is no number", shown(text)))),
        }
    }

    fn opened<T: Deserialize<'t>>(&self, text: &'t str) -> Result<T, Problem> {
        serde_json::from_str(text).map_err(|error| self.syntax(text, &error))
    }

    /// What the parser says of a part of the text. The file is known to be well formed by then, but for escapes that
    /// are half a character.
    fn syntax(&self, part: &str, error: &serde_json::Error) -> Problem {
        let message = error.to_string();
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
        let line = u32::try_from(error.line()).unwrap_or(u32::MAX).max(1);
        Problem::new(self.line(part) + line - 1, format!("is not valid JSON: {}", said(message)))
    }

    /// The line on which a part of the text begins.
    fn line(&self, part: &str) -> u32 {
        let offset = (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        let line = self.ends.partition_point(|end| *end < offset) + 1;
        u32::try_from(line).unwrap_or(u32::MAX)
    }
}

impl<'de: 't, 't> Deserialize<'de> for Members<'t> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}
