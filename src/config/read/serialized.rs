//! PHP's serialize format. It is only read: nothing comes to life, and counts and lengths in it are not believed.

use std::collections::HashSet;

use super::super::value::{FileId, Key, Mark, Node, Text, Value};
use super::problem::Problem;
use super::{MAX_DEPTH, MAX_VALUES};

/// Reads null, booleans, integers, floats, strings and arrays. Objects, enumerations and references are refused, and
/// so is anything behind the value but an end of line, which editors leave there.
pub(super) fn parse(bytes: &[u8], file: FileId) -> Result<Node, Problem> {
    let mut reader = Reader { bytes, position: 0, values: 0, mark: Mark { file, line: 0 } };
    let root = reader.value(0)?;
    let rest = &bytes[reader.position..];
    if !rest.trim_ascii().is_empty() {
        return Err(reader.wrong("something stands behind the value"));
    }
    Ok(root)
}

struct Reader<'b> {
    bytes: &'b [u8],
    position: usize,
    values: usize,
    mark: Mark,
}

impl<'b> Reader<'b> {
    /// The value at the position; `depth` arrays are around it. Recursion ends at [`MAX_DEPTH`].
    fn value(&mut self, depth: usize) -> Result<Node, Problem> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(self.wrong(&format!("holds more than {MAX_VALUES} values")));
        }
        let value = match self.kind()? {
            b'N' => {
                self.need(b";")?;
                Value::Null
            }
            b'b' => Value::Bool(match self.scalar()? {
                "0" => false,
                "1" => true,
                _ => return Err(self.wrong("a boolean is neither 0 nor 1")),
            }),
            b'i' => Value::Int(self.integer()?),
            b'd' => self.float()?,
            b's' => Value::Text(self.text()?),
            b'a' if depth == MAX_DEPTH => {
                return Err(self.wrong(&format!("arrays are nested more than {MAX_DEPTH} deep")));
            }
            b'a' => self.array(depth)?,
            b'O' | b'C' => return Err(self.wrong("holds an object").hint("only arrays and plain values are settings")),
            b'E' => return Err(self.wrong("holds an enumeration").hint("only arrays and plain values are settings")),
            b'R' | b'r' => return Err(self.wrong("holds a reference (`&`)").hint("write the value twice instead")),
            _ => return Err(self.wrong("is not in PHP's serialize format")),
        };
        Ok(Node { value, mark: self.mark })
    }

    /// The letter of a value, and with it the `:` or, behind `N`, nothing.
    fn kind(&mut self) -> Result<u8, Problem> {
        let Some(kind) = self.bytes.get(self.position).copied() else { return Err(self.wrong("ends too early")) };
        self.position += 1;
        if kind != b'N' {
            self.need(b":")?;
        }
        Ok(kind)
    }

    fn array(&mut self, depth: usize) -> Result<Value, Problem> {
        let count = self.length()?;
        self.need(b":{")?;
        // An element takes nine bytes at least (`i:0;N;` is six); a count that cannot be right allocates nothing.
        let mut pairs = Vec::with_capacity(count.min((self.bytes.len() - self.position) / 6));
        let mut seen = HashSet::new();
        let mut is_list = true;
        for index in 0..count {
            let key = self.key()?;
            is_list &= matches!(key, Key::Int(number) if usize::try_from(number) == Ok(index));
            if !is_list {
                if seen.is_empty() {
                    seen.extend(pairs.iter().map(|(key, _): &(Key, Node)| key.clone()));
                }
                if !seen.insert(key.clone()) {
                    return Err(self.wrong("an array has a key twice").in_key(&key));
                }
            }
            let node = self.value(depth + 1).map_err(|problem| problem.in_key(&key))?;
            pairs.push((key, node));
        }
        self.need(b"}")?;
        Ok(if is_list { Value::List(pairs.into_iter().map(|(_, node)| node).collect()) } else { Value::Map(pairs) })
    }

    fn key(&mut self) -> Result<Key, Problem> {
        match self.kind()? {
            b'i' => self.integer().map(Key::Int),
            b's' => Ok(Key::of(self.text()?.as_bytes())),
            _ => Err(self.wrong("a key is neither an integer nor a string")),
        }
    }

    fn integer(&mut self) -> Result<i64, Problem> {
        let number = self.scalar()?.parse();
        number.map_err(|_| self.wrong("an integer is none, or does not fit into 64 bits"))
    }

    fn float(&mut self) -> Result<Value, Problem> {
        let text = self.scalar()?;
        let float = match text {
            "INF" => f64::INFINITY,
            "-INF" => f64::NEG_INFINITY,
            "NAN" => f64::NAN,
            _ if text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-')) => {
                text.parse().map_err(|_| self.wrong("a float is none"))?
            }
            _ => return Err(self.wrong("a float is none")),
        };
        Ok(Value::Float(float, text.into()))
    }

    /// `LENGTH:"BYTES";`
    fn text(&mut self) -> Result<Text, Problem> {
        let length = self.length()?;
        self.need(b":\"")?;
        let end = self.position.checked_add(length).filter(|end| *end <= self.bytes.len());
        let Some(end) = end else { return Err(self.wrong("the length of a string does not fit")) };
        let text = Text::new(&self.bytes[self.position..end]);
        self.position = end;
        if !self.bytes[end..].starts_with(b"\";") {
            return Err(self.wrong("the length of a string does not fit"));
        }
        self.position += 2;
        Ok(text)
    }

    fn length(&mut self) -> Result<usize, Problem> {
        let rest = &self.bytes[self.position..];
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let length = std::str::from_utf8(&rest[..digits]).ok().and_then(|text| text.parse().ok());
        self.position += digits;
        length.ok_or_else(|| self.wrong("a length is missing or too large"))
    }

    /// What stands before the next `;`: a number, at most.
    fn scalar(&mut self) -> Result<&'b str, Problem> {
        const LONGEST: usize = 400;
        let rest = &self.bytes[self.position..];
        let end = rest.iter().take(LONGEST).position(|byte| *byte == b';');
        let text = end.and_then(|end| std::str::from_utf8(&rest[..end]).ok());
        let Some(text) = text else { return Err(self.wrong("a number does not end")) };
        self.position += text.len() + 1;
        Ok(text)
    }

    fn need(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        if !self.bytes[self.position..].starts_with(bytes) {
            let wanted = String::from_utf8_lossy(bytes).into_owned();
            return Err(self.wrong(&format!("`{wanted}` is missing")));
        }
        self.position += bytes.len();
        Ok(())
    }

    fn wrong(&self, message: &str) -> Problem {
        Problem::new(0, format!("{message}, at byte {}", self.position))
    }
}
