//! The expressions by which Composer finds class declarations in text that its cleaner made.

use std::ops::Range;

use super::class_name::ClassName;
use super::strip::table;

const KEYWORDS: [&[u8]; 4] = [b"class", b"interface", b"trait", b"enum"];

/// How many keywords with white space behind them the text holds, strings included.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Candidates {
    /// None.
    None,
    /// One, at this place.
    One(usize),
    /// Two or more.
    Many,
}

/// Counts `class`, `interface`, `trait` and `enum` in any case, at a word boundary and with white space behind.
pub(super) fn candidates(code: &[u8]) -> Candidates {
    // Few blocks hold the end of a keyword; the compiler makes vector instructions of the test for that.
    const BLOCK: usize = 64;
    const ENDING: usize = 3;
    let mut first = None;
    let mut from = 0;
    while from < code.len() {
        let block = &code[from..code.len().min(from + BLOCK + ENDING - 1)];
        if block.len() < BLOCK + ENDING - 1 || has_ending::<BLOCK>(block) {
            for (offset, pair) in block.windows(2).enumerate() {
                let at = from + offset + 1;
                if is_space(pair[1])
                    && let Some(keyword) = keyword_before(code, at)
                    && first != Some(keyword)
                    && first.replace(keyword).is_some()
                {
                    return Candidates::Many;
                }
            }
        }
        from += BLOCK;
    }
    first.map_or(Candidates::None, Candidates::One)
}

/// Whether one of the `N` places at the start holds the last two letters of a keyword and something like a space.
fn has_ending<const N: usize>(block: &[u8]) -> bool {
    let (last_but_one, last, behind) = (&block[..N], &block[1..=N], &block[2..N + 2]);
    let mut found = false;
    for index in 0..N {
        let (a, b) = (last_but_one[index] | 0x20, last[index] | 0x20);
        let ending = (a == b's') & (b == b's')
            | (a == b'c') & (b == b'e')
            | (a == b'i') & (b == b't')
            | (a == b'u') & (b == b'm');
        found |= ending & (behind[index] <= b' ');
    }
    found
}

fn keyword_before(code: &[u8], end: usize) -> Option<usize> {
    KEYWORDS.iter().find_map(|keyword| {
        let start = end.checked_sub(keyword.len())?;
        (code[start..end].eq_ignore_ascii_case(keyword) && !word_before(code, start)).then_some(start)
    })
}

/// The names of all declarations, in order, repeated ones too.
pub(super) fn declarations(code: &[u8]) -> Vec<ClassName> {
    let mut names = Vec::new();
    let mut namespace = Vec::new();
    let mut at = 0;
    while let Some(offset) = code.get(at..).and_then(|rest| rest.iter().position(|&b| FIRST_LETTER[usize::from(b)])) {
        at += offset;
        let behind_sigil = at > 0 && matches!(code[at - 1], b'\\' | b'$' | b':' | b'>');
        if behind_sigil || word_before(code, at) {
            at += 1;
        } else if let Some(keyword) = KEYWORDS.iter().find(|keyword| starts_with(&code[at..], keyword)) {
            match first_name(code, at + keyword.len()) {
                Some(name) => {
                    at = name.end;
                    names.extend(class_name(&namespace, &code[name], keyword == &b"enum"));
                }
                None => at += keyword.len(),
            }
        } else if starts_with(&code[at..], b"namespace") {
            at += b"namespace".len();
            if let Some(name) = namespace_name(code, at) {
                at = name.end;
                namespace.clear();
                namespace.extend(code[name].iter().filter(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n')));
                namespace.push(b'\\');
            }
        } else {
            at += 1;
        }
    }
    names
}

static FIRST_LETTER: [bool; 256] = table(b"cCiItTeEnN");

/// The name behind a keyword that ends at `at`, if there is one.
pub(super) fn first_name(code: &[u8], at: usize) -> Option<Range<usize>> {
    let start = skip_space(code, at);
    let first = *code.get(start).filter(|_| start > at)?;
    (is_name_byte(first) && !first.is_ascii_digit() && first != b'-').then(|| {
        let length = code[start..].iter().take_while(|&&byte| is_name_byte(byte)).count();
        start..start + length
    })
}

/// The text between `namespace`, which ends at `at`, and the `;` or `{` that must follow.
fn namespace_name(code: &[u8], at: usize) -> Option<Range<usize>> {
    let start = skip_space(code, at);
    let mut end = at;
    if start > at
        && let Some(length) = label_length(&code[start..])
    {
        end = start + length;
        loop {
            let separator = skip_space(code, end);
            if code.get(separator) != Some(&b'\\') {
                break;
            }
            let part = skip_space(code, separator + 1);
            let Some(length) = label_length(&code[part..]) else { break };
            end = part + length;
        }
    }
    matches!(code.get(skip_space(code, end)), Some(b'{' | b';')).then_some(at..end)
}

/// The class that a name stands for; `None` for an anonymous one, whose "name" is the word behind `class`.
fn class_name(namespace: &[u8], name: &[u8], is_enum: bool) -> Option<ClassName> {
    if matches!(name, b"extends" | b"implements") {
        return None;
    }
    let mut full = namespace.to_vec();
    if let Some(xhp) = name.strip_prefix(b":") {
        // XHP: `class :foo:bar-baz` is `xhp_foo__bar_baz`.
        full.extend_from_slice(b"xhp_");
        for &byte in xhp {
            match byte {
                b':' => full.extend_from_slice(b"__"),
                b'-' => full.push(b'_'),
                _ => full.push(byte),
            }
        }
    } else if is_enum && let Some(colon) = name.iter().rposition(|&byte| byte == b':') {
        full.extend_from_slice(&name[..colon]);
    } else {
        full.extend_from_slice(name);
    }
    let leading = full.iter().take_while(|&&byte| byte == b'\\').count();
    full.drain(..leading);
    Some(ClassName::found(full))
}

/// Whether the byte before `at` is a part of a word (in PCRE's sense: ASCII only).
pub(super) fn word_before(code: &[u8], at: usize) -> bool {
    at > 0 && (code[at - 1].is_ascii_alphanumeric() || code[at - 1] == b'_')
}

fn starts_with(code: &[u8], word: &[u8]) -> bool {
    code.len() >= word.len() && code[..word.len()].eq_ignore_ascii_case(word)
}

fn skip_space(code: &[u8], at: usize) -> usize {
    at + code[at..].iter().take_while(|&&byte| is_space(byte)).count()
}

/// `\s` of PCRE.
const fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ')
}

/// `[a-zA-Z0-9_\x7f-\xff:\-]`.
const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'-' | 0x7f..)
}

/// The length of `[a-zA-Z_\x7f-\xff][a-zA-Z0-9_\x7f-\xff]*`.
fn label_length(code: &[u8]) -> Option<usize> {
    let in_label = |&byte: &u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x7f;
    let length = code.iter().take_while(|&byte| in_label(byte)).count();
    (length > 0 && !code[0].is_ascii_digit()).then_some(length)
}
