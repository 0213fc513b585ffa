//! `yield from`: the one token of PHP that may hold comments, which `php_strip_whitespace` therefore keeps.

use std::collections::HashSet;
use std::ops::Range;

use super::tokens::{is_label_byte, is_space};

/// Finds the ends of `yield … from` tokens as PHP 8.3 and newer do.
///
/// Between the two words stand white space and comments, and PHP takes the longest match. One thing makes that
/// ambiguous: a `#` right before a newline may end there or swallow the next line too. All readings are followed;
/// what was found to lead nowhere is remembered, so that a file costs linear time.
#[derive(Default)]
pub(super) struct YieldFrom {
    dead: HashSet<usize>,
    line: Range<usize>,
}

impl YieldFrom {
    /// Where the token ends whose `yield` ends at `start`; `None` when `yield` stands alone.
    pub(super) fn end(&mut self, input: &[u8], start: usize) -> Option<usize> {
        let mut best = None;
        let mut seen = Vec::new();
        let mut open = vec![start];
        while let Some(from) = open.pop() {
            if !self.dead.insert(from) {
                continue;
            }
            seen.push(from);
            let at = from + input[from..].iter().take_while(|&&byte| is_space(byte)).count();
            let rest = &input[at..];
            if rest.starts_with(b"/*") {
                open.extend(block_comment_end(input, at));
            } else if rest.starts_with(b"//") {
                open.extend(self.after_line(input, at + 2));
            } else if rest.first() == Some(&b'#') {
                match rest.get(1) {
                    None | Some(b'[' | 0) => {}
                    Some(b'\n' | b'\r') => {
                        open.push(at + 2);
                        open.extend(self.after_line(input, at + 2));
                    }
                    Some(_) => open.extend(self.after_line(input, at + 2)),
                }
            } else if rest.len() >= 4
                && rest[..4].eq_ignore_ascii_case(b"from")
                && !rest.get(4).is_some_and(|&byte| is_label_byte(byte))
                && at > start
            {
                best = best.max(Some(at + 4));
            }
        }
        // The lexer goes on at `best`: only what lies after it can be asked for again.
        if let Some(end) = best {
            for from in seen.into_iter().filter(|&from| from <= end) {
                self.dead.remove(&from);
            }
        }
        best
    }

    /// The start of the next line; `None` when the text ends before, or a NUL comes first.
    fn after_line(&mut self, input: &[u8], at: usize) -> Option<usize> {
        if !self.line.contains(&at) {
            let end = input.get(at..).and_then(|rest| memchr::memchr3(b'\n', b'\r', 0, rest));
            self.line = at..end.map_or(input.len(), |end| at + end) + 1;
        }
        let end = self.line.end - 1;
        matches!(input.get(end), Some(b'\n' | b'\r')).then_some(end + 1)
    }
}

/// The end of the comment at `start`; `None` when it is not closed or holds a NUL.
fn block_comment_end(input: &[u8], start: usize) -> Option<usize> {
    let body = input.get(start + 2..)?;
    let length = memchr::memmem::find(body, b"*/")?;
    (!body[..length].contains(&0)).then_some(start + 2 + length + 2)
}
