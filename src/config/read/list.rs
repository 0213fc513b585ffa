//! `.dblist`: one name a line.

use super::super::value::{FileId, Mark, Node, Text, Value};
use super::MAX_VALUES;
use super::problem::Problem;

/// Reads the names: white space around them, empty lines and comments, which begin with `#` at the beginning of a line
/// or behind white space, are no part of them.
pub(super) fn parse(bytes: &[u8], file: FileId) -> Result<Node, Problem> {
    let mut names = Vec::new();
    for (line, text) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        let name = without_comment(text).trim_ascii();
        if name.is_empty() {
            continue;
        }
        if name.iter().any(u8::is_ascii_control) {
            return Err(Problem::new(line, "holds a control character, and a list has one name a line"));
        }
        if names.len() == MAX_VALUES {
            return Err(Problem::new(line, format!("holds more than {MAX_VALUES} names")));
        }
        names.push(Node { value: Value::Text(Text::new(name)), mark: Mark { file, line } });
    }
    Ok(Node { value: Value::List(names), mark: Mark { file, line: 1 } })
}

fn without_comment(line: &[u8]) -> &[u8] {
    let mut before = b' ';
    for (index, byte) in line.iter().enumerate() {
        if *byte == b'#' && before.is_ascii_whitespace() {
            return &line[..index];
        }
        before = *byte;
    }
    line
}
