//! What is wrong with a configuration, and what is odd about it. All of it is gathered before anything is said.

use std::collections::HashMap;

use super::read::Sources;
use super::value::{FileId, Mark};
use crate::farm::WikiId;

/// Whether something can be lived with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The wikis concerned cannot be compiled.
    Error,
    /// They can, but probably nobody means it.
    Warning,
}

/// Something that was found.
#[derive(Debug, Clone)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Where.
    pub place: Place,
    /// The key path in the file, such as `mainfarm.variables[0].file`; empty when it is about the whole file.
    pub field: String,
    /// What is wrong, as a phrase in lower case, names in backticks, without full stop.
    pub message: String,
    /// The wiki concerned, when it is not the whole farm.
    pub wiki: Option<WikiId>,
    /// How many other wikis it is about as well.
    pub others: usize,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Where something was found.
#[derive(Debug, Clone)]
pub enum Place {
    /// In a file that was read.
    Mark(Mark),
    /// In a file that could not be read, by its name.
    File(String),
}

impl Finding {
    /// An error.
    #[must_use]
    pub fn error(place: impl Into<Place>, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            place: place.into(),
            field: shortened(field.into()),
            message: shortened(message.into()),
            wiki: None,
            others: 0,
            hint: None,
        }
    }

    /// A warning.
    #[must_use]
    pub fn warning(place: impl Into<Place>, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(place, field, message) }
    }

    /// Says which wiki it is about.
    #[must_use]
    pub fn of_wiki(mut self, wiki: &WikiId) -> Self {
        self.wiki = Some(wiki.clone());
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// `farms.yml:12`; without a line when the format does not tell.
    #[must_use]
    pub fn location(&self, sources: &Sources) -> String {
        match &self.place {
            Place::File(name) => name.clone(),
            Place::Mark(mark) if mark.line == 0 => sources.name(mark.file).to_owned(),
            Place::Mark(mark) => format!("{}:{}", sources.name(mark.file), mark.line),
        }
    }
}

impl Finding {
    /// What findings are sorted by: file, line, field.
    #[must_use]
    pub fn order<'f>(&'f self, sources: &'f Sources) -> (&'f str, u32, &'f str) {
        match &self.place {
            Place::File(name) => (name, 0, &self.field),
            Place::Mark(mark) => (sources.name(mark.file), mark.line, &self.field),
        }
    }
}

/// File and line, field, message.
type What = (Option<(FileId, u32)>, String, String);

/// Says the same of several wikis once, and how many there are.
#[must_use]
pub fn joined(findings: Vec<Finding>) -> Vec<Finding> {
    let mut joined: Vec<Finding> = Vec::with_capacity(findings.len());
    let mut seen: HashMap<What, usize> = HashMap::new();
    for finding in findings {
        let place = match &finding.place {
            Place::Mark(mark) => Some((mark.file, mark.line)),
            Place::File(_) => None,
        };
        let key = (place, finding.field.clone(), finding.message.clone());
        match seen.get(&key) {
            Some(&first) if finding.wiki.is_some() && joined[first].wiki.is_some() => joined[first].others += 1,
            _ => {
                seen.insert(key, joined.len());
                joined.push(finding);
            }
        }
    }
    joined
}

/// The longest message, in bytes: what it quotes may be as long as a file.
const LONGEST: usize = 2000;

fn shortened(mut text: String) -> String {
    if let Some(end) = (0..=LONGEST).rev().find(|at| text.is_char_boundary(*at)).filter(|_| text.len() > LONGEST) {
        text.truncate(end);
        text.push('…');
    }
    text
}

impl From<Mark> for Place {
    fn from(mark: Mark) -> Self {
        Self::Mark(mark)
    }
}

impl From<&str> for Place {
    fn from(name: &str) -> Self {
        Self::File(name.to_owned())
    }
}
