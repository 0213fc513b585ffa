//! The classes of one PHP file, exactly as Composer's `PhpFileParser` lists them.

use super::class_name::ClassName;
use super::clean::clean;
use super::declarations::{Candidates, candidates, declarations, last_candidate};
use super::strip::strip;

/// A file of which PHP's lexer leaves nothing, although it is not empty: one that is nothing but a `#!` line.
/// Composer gives up on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("PHP finds nothing in the file but a `#!` line")]
pub struct Unparsable;

/// The names of the classes, interfaces, traits and enums that Composer finds in a file of these bytes, in order.
///
/// What Composer's scanner gets wrong is wrong here too: it knows no backticks and no `__halt_compiler`, takes text
/// behind a `<?` for code, and misses declarations behind strings such as `"{$a["b"]}"`.
pub fn find_classes(contents: &[u8]) -> Result<Vec<ClassName>, Unparsable> {
    Parser::default().find_classes(contents)
}

/// Keeps the memory that parsing needs from file to file.
#[derive(Default)]
pub(super) struct Parser {
    code: Vec<u8>,
    cleaned: Vec<u8>,
}

impl Parser {
    /// See [`find_classes`].
    pub(super) fn find_classes(&mut self, contents: &[u8]) -> Result<Vec<ClassName>, Unparsable> {
        // Most of a file usually comes behind its last declaration, and cannot matter.
        let enough = match last_candidate(contents) {
            Some(enough) => enough,
            None if !contents.starts_with(b"#!") => return Ok(Vec::new()),
            None => contents.len(),
        };
        match self.read(contents, enough) {
            Some(classes) => classes,
            None => self.read(contents, usize::MAX).unwrap_or(Ok(Vec::new())),
        }
    }

    /// Reads the contents at least up to `enough`; `None` when it has to be further.
    fn read(&mut self, contents: &[u8], enough: usize) -> Option<Result<Vec<ClassName>, Unparsable>> {
        self.code.clear();
        let part = strip(contents, enough, &mut self.code);
        if self.code.is_empty() && !contents.is_empty() {
            return Some(Err(Unparsable));
        }
        let only = match candidates(&self.code) {
            Candidates::None if !joins_words(&self.code) => return Some(Ok(Vec::new())),
            Candidates::One(at) => Some(at),
            Candidates::None | Candidates::Many => None,
        };
        self.cleaned.clear();
        let certain = clean(&self.code, only, &mut self.cleaned);
        (certain || !part).then(|| Ok(declarations(&self.cleaned)))
    }
}

/// Whether the cleaner may make a keyword by taking a comment out of a word.
fn joins_words(code: &[u8]) -> bool {
    memchr::memchr_iter(b'/', code)
        .any(|at| at > 0 && code[at - 1].is_ascii_alphabetic() && matches!(code.get(at + 1), Some(b'/' | b'*')))
}
