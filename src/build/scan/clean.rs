//! Composer's `PhpFileCleaner`: takes out what looks like a string, a heredoc or a comment.

use memchr::{memchr2, memmem};

use super::declarations::{first_name, word_before};
use super::tokens::{is_label_byte, table};

/// Appends to `out` what Composer's cleaner makes of `code`, the output of [`super::strip::strip`].
///
/// It begins at the first `<?`, knows no interpolation and no backticks, and is misled by them. When `only` gives
/// the place of the one keyword of the text, and the cleaner comes by there outside strings and comments, it ends
/// behind the name that follows.
///
/// Says whether the output begins in the same way whatever follows the text: not when it ends inside something, and
/// not when there were comments, without which words become one.
pub(super) fn clean(code: &[u8], only: Option<usize>, out: &mut Vec<u8>) -> bool {
    let mut at = 0;
    let mut comments = false;
    while at < code.len() {
        at = memmem::find(&code[at..], b"<?").map_or(code.len(), |tag| at + tag + 2);
        out.extend_from_slice(b"<?");
        let mut kept = at;
        loop {
            let limit = only.filter(|&only| only >= at).unwrap_or(code.len());
            match code[at..limit].iter().position(|&byte| SPECIAL[usize::from(byte)]) {
                Some(offset) => at += offset,
                None if limit < code.len() => {
                    if let Some(end) = declaration(code, limit) {
                        // Composer's match takes in the byte before the keyword, which so stands there twice. It
                        // matters when that is a quote: the string before became `null`.
                        out.extend_from_slice(&code[kept..limit]);
                        out.extend_from_slice(&code[limit - 1..end]);
                        return true;
                    }
                    at = limit + 1;
                    continue;
                }
                None => {
                    out.extend_from_slice(&code[kept..]);
                    return kept < code.len() && !comments;
                }
            }
            let (end, instead): (Option<usize>, &[u8]) = match (code[at], code.get(at + 1)) {
                (b'?', Some(b'>')) => {
                    at += 2;
                    out.extend_from_slice(&code[kept..at]);
                    break;
                }
                (quote @ (b'"' | b'\''), _) => (Some(string_end(code, at, quote)), b"null"),
                (b'/', Some(b'/')) => (Some(line_end(code, at)), b""),
                (b'/', Some(b'*')) => (Some(comment_end(code, at)), b""),
                (b'<', Some(b'<')) => (heredoc_end(code, at), b"null"),
                _ => (None, b""),
            };
            let Some(end) = end else {
                at += 1;
                continue;
            };
            out.extend_from_slice(&code[kept..at]);
            out.extend_from_slice(instead);
            comments |= instead.is_empty();
            at = end;
            kept = end;
        }
    }
    false
}

static SPECIAL: [bool; 256] = table(b"?\"'</");

/// The end of the keyword at `at` and its name, as the cleaner knows them: lower case, not behind `$`, `:` or `>`.
fn declaration(code: &[u8], at: usize) -> Option<usize> {
    if matches!(code.get(at.checked_sub(1)?), Some(b'$' | b':' | b'>')) || word_before(code, at) {
        return None;
    }
    let keyword = [&b"class"[..], b"interface", b"trait", b"enum"].into_iter().find(|w| code[at..].starts_with(w))?;
    first_name(code, at + keyword.len()).map(|name| name.end)
}

fn string_end(code: &[u8], start: usize, quote: u8) -> usize {
    let mut at = start + 1;
    while let Some(offset) = code.get(at..).and_then(|rest| memchr2(quote, b'\\', rest)) {
        at += offset;
        if code[at] == quote {
            return at + 1;
        }
        at += if code.get(at + 1).is_some_and(|&next| next == quote || next == b'\\') { 2 } else { 1 };
    }
    code.len()
}

fn line_end(code: &[u8], start: usize) -> usize {
    memchr2(b'\n', b'\r', &code[start..]).map_or(code.len(), |length| start + length)
}

fn comment_end(code: &[u8], start: usize) -> usize {
    memmem::find(&code[start + 2..], b"*/").map_or(code.len(), |length| start + 2 + length + 2)
}

/// The end of the heredoc or nowdoc that begins at `start`: behind its label, wherever a line begins with it.
fn heredoc_end(code: &[u8], start: usize) -> Option<usize> {
    let mut at = start + code[start..].strip_prefix(b"<<<").map(|_| 3)?;
    at += blanks(&code[at..]);
    let quote = code.get(at).copied().filter(|byte| matches!(byte, b'\'' | b'"'));
    at += usize::from(quote.is_some());
    let length = code[at..].iter().take_while(|&&byte| is_label_byte(byte)).count();
    let label = &code[at..at + length];
    if label.first().is_none_or(u8::is_ascii_digit) {
        return None;
    }
    at += length;
    if let Some(quote) = quote {
        if code.get(at) != Some(&quote) {
            return None;
        }
        at += 1;
    }
    at += match &code[at..] {
        [b'\r', b'\n', ..] => 2,
        [b'\r' | b'\n', ..] => 1,
        _ => return None,
    };
    loop {
        at += blanks(&code[at..]);
        if let Some(rest) = code[at..].strip_prefix(label)
            && !rest.first().is_some_and(|&byte| is_label_byte(byte))
        {
            return Some(at + length);
        }
        at = line_end(code, at);
        at += code[at..].iter().take_while(|&&byte| matches!(byte, b'\n' | b'\r')).count();
        if at == code.len() {
            return Some(at);
        }
    }
}

fn blanks(text: &[u8]) -> usize {
    text.iter().take_while(|&&byte| matches!(byte, b' ' | b'\t')).count()
}
