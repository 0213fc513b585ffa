//! The expressions by which Composer finds class declarations in text that its cleaner made.

use std::ops::Range;

use super::class_name::ClassName;

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
    let mut places = keywords(code)
        .filter(|found| found.keyword != Keyword::Namespace && is_space(code[found.range.end]))
        .map(|found| found.range.start);
    match (places.next(), places.next()) {
        (None, _) => Candidates::None,
        (Some(place), None) => Candidates::One(place),
        (Some(_), Some(_)) => Candidates::Many,
    }
}

/// Whether the text ends in one of the keywords that a class name follows, and white space. Of much white space only
/// the end is looked at: the answer then is "maybe", which is yes.
pub(super) fn may_end_in_keyword(code: &[u8]) -> bool {
    let tail = &code[code.len().saturating_sub(64)..];
    tail.iter().rposition(|&byte| !is_space(byte)).is_none_or(|last| ends_in_class_like(&tail[..=last]))
}

fn ends_in_class_like(code: &[u8]) -> bool {
    let [.., a, b] = code else { return false };
    is_ending(*a, *b) && CLASS_LIKE.iter().any(|keyword| ends_with(code, keyword.word()))
}

/// The place behind which a PHP file holds no declaration, nor anything that Composer might take for one: behind
/// the last `class`, `interface`, `trait` or `enum` with white space, and behind the last letter with a comment,
/// without which two halves of a word might become one. Strings and comments count.
pub(super) fn last_candidate(input: &[u8]) -> Option<usize> {
    let at = |end: usize| match (input[end], input.get(end + 1)) {
        (b'#', _) | (b'/', Some(b'/' | b'*')) => input[end - 1].is_ascii_alphabetic(),
        (byte, _) if is_space(byte) => ends_in_class_like(&input[..end]),
        _ => false,
    };
    let mut end = input.len();
    while end > BLOCK + 2 {
        let from = end - BLOCK;
        if input[from - 2..].first_chunk::<{ BLOCK + 2 }>().is_none_or(holds_candidate) {
            let found = (from..end).rev().find(|&end| at(end));
            if found.is_some() {
                return found;
            }
        }
        end = from;
    }
    (1..end).rev().find(|&end| at(end))
}

/// The names of all declarations, in order, repeated ones too.
pub(super) fn declarations(code: &[u8]) -> Vec<ClassName> {
    let mut names = Vec::new();
    let mut namespace = Vec::new();
    // Where the expression goes on: a keyword may be the name behind another.
    let mut free = 0;
    for Found { keyword, range } in keywords(code) {
        let behind_sigil = range.start > 0 && matches!(code[range.start - 1], b'\\' | b'$' | b':' | b'>');
        if behind_sigil || range.start < free {
            continue;
        }
        if keyword == Keyword::Namespace {
            if let Some(name) = namespace_name(code, range.end) {
                free = name.end;
                namespace.clear();
                namespace.extend(code[name].iter().filter(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n')));
                namespace.push(b'\\');
            }
        } else if let Some(name) = first_name(code, range.end) {
            free = name.end;
            names.extend(class_name(&namespace, &code[name], keyword == Keyword::Enum));
        }
    }
    names
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Keyword {
    Class,
    Interface,
    Trait,
    Enum,
    Namespace,
}

/// The keywords that a class name follows.
const CLASS_LIKE: [Keyword; 4] = [Keyword::Class, Keyword::Interface, Keyword::Trait, Keyword::Enum];

impl Keyword {
    const fn word(self) -> &'static [u8] {
        match self {
            Self::Class => b"class",
            Self::Interface => b"interface",
            Self::Trait => b"trait",
            Self::Enum => b"enum",
            Self::Namespace => b"namespace",
        }
    }
}

struct Found {
    keyword: Keyword,
    range: Range<usize>,
}

/// The keywords in any case that begin at a word boundary and have white space, `{` or `;` behind them, in order.
fn keywords(code: &[u8]) -> impl Iterator<Item = Found> {
    (0..code.len())
        .step_by(BLOCK)
        .filter(|&from| code[from..].first_chunk::<{ BLOCK + 2 }>().is_none_or(holds_ending))
        .flat_map(move |from| {
            (from + 2..code.len().min(from + 2 + BLOCK)).filter_map(move |end| {
                let may_end = is_space(code[end]) || matches!(code[end], b'{' | b';');
                if !may_end || !is_ending(code[end - 2], code[end - 1]) {
                    return None;
                }
                CLASS_LIKE.into_iter().chain([Keyword::Namespace]).find_map(|keyword| {
                    let start = end.checked_sub(keyword.word().len())?;
                    let same = ends_with(&code[..end], keyword.word());
                    (same && !word_before(code, start)).then_some(Found { keyword, range: start..end })
                })
            })
        })
}

/// Few blocks of this length hold the end of a keyword; the compiler makes vector instructions of the tests for that.
const BLOCK: usize = 64;

/// Whether the block holds the last two letters of a keyword with something behind that may end a word.
fn holds_ending<const N: usize>(block: &[u8; N]) -> bool {
    any_triple(block, |a, b, behind| is_ending(a, b) && (behind <= b' ' || behind == b'{' || behind == b';'))
}

/// Whether the block holds what [`last_candidate`] looks for, or something like it.
fn holds_candidate<const N: usize>(block: &[u8; N]) -> bool {
    let letter = |byte: u8| (byte | 0x20).wrapping_sub(b'a') < 26;
    any_triple(block, |a, b, behind| {
        is_ending(a, b) && behind <= b' ' || letter(b) && (behind == b'/' || behind == b'#')
    })
}

fn is_ending(a: u8, b: u8) -> bool {
    let (a, b) = (a | 0x20, b | 0x20);
    a == b's' && b == b's' || a == b'c' && b == b'e' || a == b'i' && b == b't' || a == b'u' && b == b'm'
}

#[inline]
fn any_triple<const N: usize>(block: &[u8; N], test: impl Fn(u8, u8, u8) -> bool) -> bool {
    let (first, second, third) = (&block[..N - 2], &block[1..N - 1], &block[2..]);
    let mut found = false;
    for index in 0..N - 2 {
        found |= test(first[index], second[index], third[index]);
    }
    found
}

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

fn ends_with(code: &[u8], word: &[u8]) -> bool {
    code.len() >= word.len() && code[code.len() - word.len()..].eq_ignore_ascii_case(word)
}

/// Whether the byte before `at` is a part of a word (in PCRE's sense: ASCII only).
pub(super) fn word_before(code: &[u8], at: usize) -> bool {
    at > 0 && (code[at - 1].is_ascii_alphanumeric() || code[at - 1] == b'_')
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
