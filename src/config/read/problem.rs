//! What is wrong inside of a file, before anybody knows its number.

use std::fmt::Write;

use super::super::finding::{Finding, Place};
use super::super::value::{FileId, Key, Mark};

/// The longest text that a message quotes, in characters.
const MAX_SHOWN: usize = 80;

/// The longest message that a parser or PHP may add to ours, in characters.
const MAX_SAID: usize = 300;

/// Something that makes a file unreadable.
#[derive(Debug)]
pub(super) struct Problem {
    /// The line, from 1; 0 when it is not known.
    line: u32,
    /// The steps of the key path, the innermost first.
    steps: Vec<String>,
    message: String,
    hint: Option<String>,
}

impl Problem {
    pub(super) fn new(line: u32, message: impl Into<String>) -> Self {
        Self { line, steps: Vec::new(), message: message.into(), hint: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says that it is in the value of this key.
    pub(super) fn in_key(mut self, key: &Key) -> Self {
        self.steps.push(format!(".{}", shown(&key.to_string())));
        self
    }

    /// Says that it is in this item of a list, counted from 0.
    pub(super) fn in_item(mut self, index: usize) -> Self {
        self.steps.push(format!("[{index}]"));
        self
    }

    pub(super) fn finding(self, file: FileId) -> Finding {
        let field: String = self.steps.into_iter().rev().collect();
        let field = field.strip_prefix('.').unwrap_or(&field);
        let mark = Mark { file, line: self.line };
        let finding = Finding::error(Place::Mark(mark), field, self.message);
        match self.hint {
            Some(hint) => finding.hint(hint),
            None => finding,
        }
    }
}

/// A text of the file as a message may quote it: what is invisible escaped, and not too long.
pub(super) fn shown(text: &str) -> String {
    shortened(text, MAX_SHOWN)
}

/// The first line of what another program or a parser says of the file, in the same way.
pub(super) fn said(message: &str) -> String {
    let line = message.lines().map(str::trim).find(|line| !line.is_empty());
    shortened(line.unwrap_or("an error without message"), MAX_SAID)
}

fn shortened(text: &str, most: usize) -> String {
    let mut shown = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == most {
            shown.push('…');
            break;
        }
        match character {
            // These are no danger; class names are full of the first.
            '\\' | '\'' | '"' => shown.push(character),
            _ => {
                let _ = write!(shown, "{}", character.escape_debug());
            }
        }
    }
    shown
}
