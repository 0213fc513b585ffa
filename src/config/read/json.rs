//! JSON, with the line of each value. `serde_json` says whether a text is JSON; then one pass over it finds what that
//! does not tell: where a value stands, how a float was written, and that a key came twice.

use std::collections::HashSet;

use serde::de::IgnoredAny;

use super::super::value::{FileId, Key, Mark, Node, Text, Value};
use super::problem::{Problem, said, shown};
use super::{MAX_DEPTH, MAX_VALUES};

/// Reads a document as PHP's `json_decode` does, but that keys given twice are refused. Values of an object are marked
/// with the line of their key.
pub(super) fn parse(text: &str, file: FileId) -> Result<Node, Problem> {
    if text.trim_ascii().is_empty() {
        return Err(Problem::new(0, "is empty").hint("an empty list is `[]`, an empty map `{}`"));
    }
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| {
        let line = u32::try_from(error.line()).unwrap_or(u32::MAX);
        invalid(line, &error)
    })?;
    Reader { rest: text, line: 1, file, open: Vec::new(), values: 0 }.document()
}

/// Reads a text that is JSON, without recursion.
struct Reader<'t> {
    rest: &'t str,
    line: u32,
    file: FileId,
    /// The lists and maps around the rest, the innermost last.
    open: Vec<Open>,
    values: usize,
}

/// A list or map of which the end is not yet seen.
struct Open {
    content: Content,
    line: u32,
}

enum Content {
    List(Vec<Node>),
    Map { pairs: Vec<(Key, Node)>, seen: HashSet<Key>, key: Option<(Key, u32)> },
}

impl Reader<'_> {
    fn document(mut self) -> Result<Node, Problem> {
        loop {
            let byte = self.skip_white_space();
            let value = match byte {
                Some(b'[') => {
                    self.begin(Content::List(Vec::new()))?;
                    continue;
                }
                Some(b'{') => {
                    self.begin(Content::Map { pairs: Vec::new(), seen: HashSet::new(), key: None })?;
                    continue;
                }
                Some(b']' | b'}') => {
                    self.take(1);
                    let Some(open) = self.open.pop() else { break };
                    let value = match open.content {
                        Content::List(items) => Value::List(items),
                        Content::Map { pairs, .. } => Value::Map(pairs),
                    };
                    Node { value, mark: Mark { file: self.file, line: open.line } }
                }
                Some(b',' | b':') => {
                    self.take(1);
                    continue;
                }
                Some(b'"') => {
                    let text = self.string()?;
                    if self.awaits_key() {
                        self.key(&text)?;
                        continue;
                    }
                    self.scalar(Value::Text(Text::from(text)))?
                }
                Some(_) => {
                    let end = self.rest.find([',', ']', '}', ' ', '\t', '\r', '\n']).unwrap_or(self.rest.len());
                    let value = self.word(self.rest.get(..end).unwrap_or_default())?;
                    self.take(end);
                    self.scalar(value)?
                }
                None => break,
            };
            if let Some(root) = self.put(value) {
                return Ok(root);
            }
        }
        // Not reached: the text is known to be JSON.
        Err(Problem::new(self.line, "is not valid JSON"))
    }

    fn begin(&mut self, content: Content) -> Result<(), Problem> {
        if self.open.len() == MAX_DEPTH {
            return Err(self.problem(format!("is nested more than {MAX_DEPTH} deep")));
        }
        self.count()?;
        self.take(1);
        self.open.push(Open { content, line: self.line });
        Ok(())
    }

    fn scalar(&mut self, value: Value) -> Result<Node, Problem> {
        self.count()?;
        Ok(Node { value, mark: Mark { file: self.file, line: self.line } })
    }

    /// What is neither a string nor an array. PHP takes integers that do not fit into 64 bits for floats.
    fn word(&self, word: &str) -> Result<Value, Problem> {
        match word {
            "null" => return Ok(Value::Null),
            "true" => return Ok(Value::Bool(true)),
            "false" => return Ok(Value::Bool(false)),
            _ => {}
        }
        if let Ok(integer) = word.parse() {
            return Ok(Value::Int(integer));
        }
        let float = word.parse().map_err(|_| self.problem(format!("`{}` is no number", shown(word))))?;
        Ok(Value::Float(float, word.into()))
    }

    /// Takes a string with its quotes.
    fn string(&mut self) -> Result<String, Problem> {
        let mut escaped = false;
        let end = self.rest.bytes().skip(1).position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        });
        let quoted = end.and_then(|end| self.rest.get(..end + 2)).unwrap_or(self.rest);
        // Escapes may still be half a character.
        let text = serde_json::from_str(quoted).map_err(|error| self.located(invalid(self.line, &error)))?;
        self.take(quoted.len());
        Ok(text)
    }

    fn awaits_key(&self) -> bool {
        matches!(self.open.last(), Some(Open { content: Content::Map { key: None, .. }, .. }))
    }

    fn key(&mut self, text: &str) -> Result<(), Problem> {
        let line = self.line;
        let Some(Open { content: Content::Map { seen, key, .. }, .. }) = self.open.last_mut() else { return Ok(()) };
        let new = Key::of(text.as_bytes());
        if !seen.insert(new.clone()) {
            return Err(self.problem(format!("the key `{}` is given twice", shown(text))));
        }
        *key = Some((new, line));
        Ok(())
    }

    /// Adds a complete value to what is around it; gives it back when that is nothing.
    fn put(&mut self, mut node: Node) -> Option<Node> {
        match self.open.last_mut().map(|open| &mut open.content) {
            None => return Some(node),
            Some(Content::List(items)) => items.push(node),
            Some(Content::Map { pairs, key, .. }) => {
                if let Some((key, line)) = key.take() {
                    node.mark.line = line;
                    pairs.push((key, node));
                }
            }
        }
        None
    }

    fn count(&mut self) -> Result<(), Problem> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(self.problem(format!("holds more than {MAX_VALUES} values")));
        }
        Ok(())
    }

    /// Goes to the next byte that means something. All line ends are on such ways.
    fn skip_white_space(&mut self) -> Option<u8> {
        let blank = self.rest.bytes().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count();
        let ends = self.rest.bytes().take(blank).filter(|byte| *byte == b'\n').count();
        self.line = self.line.saturating_add(u32::try_from(ends).unwrap_or(u32::MAX));
        self.take(blank);
        self.rest.bytes().next()
    }

    fn take(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    fn problem(&self, message: String) -> Problem {
        self.located(Problem::new(self.line, message))
    }

    /// Adds the key path of what is read at the moment.
    fn located(&self, problem: Problem) -> Problem {
        self.open.iter().rev().fold(problem, |problem, open| match &open.content {
            Content::List(items) => problem.in_item(items.len()),
            Content::Map { key: Some((key, _)), .. } => problem.in_key(key),
            Content::Map { .. } => problem,
        })
    }
}

/// What the parser says, without the place that is named anyway.
fn invalid(line: u32, error: &serde_json::Error) -> Problem {
    let message = error.to_string();
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
    Problem::new(line, format!("is not valid JSON: {}", said(message)))
}
