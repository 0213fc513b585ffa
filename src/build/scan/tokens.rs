//! The tokens of PHP that are more than a byte, as PHP's lexer delimits them.

pub(super) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

pub(super) const fn is_label_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

pub(super) const fn is_label_start(byte: u8) -> bool {
    is_label_byte(byte) && !byte.is_ascii_digit()
}

/// Without the white space (PHP's: no form feed) at the end.
pub(super) fn trim_end(code: &[u8]) -> &[u8] {
    let end = code.iter().rposition(|&byte| !is_space(byte)).map_or(0, |last| last + 1);
    &code[..end]
}

/// Whether the code ends in `->`. It does not when an even number of `-` comes before `>`: two of them are `--`.
pub(super) fn ends_in_arrow(code: &[u8]) -> bool {
    code.strip_suffix(b">").is_some_and(|rest| rest.iter().rev().take_while(|&&byte| byte == b'-').count() % 2 == 1)
}

/// Whether a word behind this code would be a part of its last token: of a variable or of a name.
pub(super) fn continues_token(code: &[u8]) -> bool {
    match code.last() {
        Some(b'\\' | b'$') => true,
        Some(&last) if is_label_byte(last) => {
            let start = code.iter().rposition(|&byte| !is_label_byte(byte)).map_or(0, |before| before + 1);
            !is_number(&code[start..])
        }
        _ => false,
    }
}

/// Whether these label bytes are a whole number, so that a name may follow at once.
fn is_number(bytes: &[u8]) -> bool {
    let digits_end = digits(bytes, u8::is_ascii_digit);
    let prefixed = |letter: u8, digit: fn(&u8) -> bool| {
        bytes.len() > 2
            && bytes[0] == b'0'
            && bytes[1].eq_ignore_ascii_case(&letter)
            && digits(&bytes[2..], digit) == bytes.len() - 2
    };
    digits_end == bytes.len()
        || prefixed(b'x', u8::is_ascii_hexdigit)
        || prefixed(b'b', |byte| matches!(byte, b'0' | b'1'))
        || prefixed(b'o', |byte| matches!(byte, b'0'..=b'7'))
        || digits_end > 0
            && bytes[digits_end].eq_ignore_ascii_case(&b'e')
            && digits_end + 1 < bytes.len()
            && digits(&bytes[digits_end + 1..], u8::is_ascii_digit) == bytes.len() - digits_end - 1
}

/// The length of the digits at the start, with single `_` between them.
fn digits(bytes: &[u8], digit: fn(&u8) -> bool) -> usize {
    let mut length = bytes.iter().take_while(|&byte| digit(byte)).count();
    while length > 0 && bytes.get(length) == Some(&b'_') {
        let more = bytes[length + 1..].iter().take_while(|&byte| digit(byte)).count();
        if more == 0 {
            break;
        }
        length += 1 + more;
    }
    length
}

/// The length of `<?php` with the blank or line break that must follow, or of `<?=`.
pub(super) fn open_tag(text: &[u8]) -> Option<usize> {
    let word = text.strip_prefix(b"<?")?;
    if word.first() == Some(&b'=') {
        return Some(3);
    }
    if word.len() < 3 || !word[..3].eq_ignore_ascii_case(b"php") {
        return None;
    }
    match &word[3..] {
        [] => Some(5),
        [b'\r', b'\n', ..] => Some(7),
        [b' ' | b'\t' | b'\r' | b'\n', ..] => Some(6),
        _ => None,
    }
}

pub(super) fn single_quoted_end(input: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(offset) = input.get(at..).and_then(|rest| rest.iter().position(|&b| matches!(b, b'\'' | b'\\'))) {
        at += offset;
        if input[at] == b'\'' {
            return at + 1;
        }
        at += 2;
    }
    input.len()
}

/// The end of a closed string in which nothing is interpolated: one token.
pub(super) fn plain_double_quoted_end(input: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        at += input.get(at..)?.iter().position(|&byte| DOUBLE[usize::from(byte)])?;
        match (input[at], input.get(at + 1).copied()) {
            (b'"', _) => return Some(at + 1),
            (b'\\', _) => at += 2,
            (b'$', Some(next)) if next == b'{' || is_label_start(next) => return None,
            (b'{', Some(b'$')) => return None,
            _ => at += 1,
        }
    }
}

/// The end of the comment that begins at `start`. A line comment does not hold its line break, nor `?>`.
pub(super) fn comment_end(input: &[u8], start: usize) -> Option<usize> {
    match &input[start..] {
        [b'/', b'*', ..] => {
            let mut at = start + 2;
            while let Some(offset) = input.get(at + 1..).and_then(|rest| memchr::memchr(b'/', rest)) {
                at += 1 + offset;
                if input[at - 1] == b'*' {
                    return Some(at + 1);
                }
            }
            Some(input.len())
        }
        [b'/', b'/', ..] => Some(line_comment_end(input, start + 2)),
        [b'#', b'[', ..] => None,
        [b'#', ..] => Some(line_comment_end(input, start + 1)),
        _ => None,
    }
}

pub(super) fn line_comment_end(input: &[u8], mut at: usize) -> usize {
    while let Some(offset) = memchr::memchr3(b'\n', b'\r', b'?', &input[at..]) {
        at += offset;
        if input[at] != b'?' || input.get(at + 1) == Some(&b'>') {
            return at;
        }
        at += 1;
    }
    input.len()
}

/// The first line of a heredoc or nowdoc.
pub(super) struct Opener {
    pub(super) label: Label,
    pub(super) nowdoc: bool,
    pub(super) end: usize,
}

/// The label of a heredoc, as a range of the input.
#[derive(Clone, Copy)]
pub(super) struct Label {
    pub(super) start: usize,
    pub(super) length: usize,
}

pub(super) fn heredoc_opener(input: &[u8], start: usize) -> Option<Opener> {
    let rest = input[start..].strip_prefix(b"<<<")?;
    let blanks = rest.iter().take_while(|&&byte| matches!(byte, b' ' | b'\t')).count();
    let quote = rest.get(blanks).copied().filter(|byte| matches!(byte, b'\'' | b'"'));
    let from = blanks + usize::from(quote.is_some());
    let length = rest[from..].iter().take_while(|&&byte| is_label_byte(byte)).count();
    if length == 0 || rest[from].is_ascii_digit() {
        return None;
    }
    let mut after = &rest[from + length..];
    if let Some(quote) = quote {
        after = after.strip_prefix(&[quote])?;
    }
    let line_break = match after {
        [b'\r', b'\n', ..] => 2,
        [b'\r' | b'\n', ..] => 1,
        _ => return None,
    };
    let label = Label { start: start + 3 + from, length };
    Some(Opener { label, nowdoc: quote == Some(b'\''), end: input.len() - after.len() + line_break })
}

/// The length of the token at the start that is no string, comment, heredoc, white space or name.
pub(super) fn symbol_length(text: &[u8]) -> usize {
    const OPERATORS: [&[u8]; 35] = [
        b"...", b"===", b"!==", b"<=>", b"**=", b"<<=", b">>=", b"??=", b"?->", b"::", b"->", b"++", b"--", b"==",
        b"!=", b"<>", b"<=", b">=", b"+=", b"-=", b"*=", b"**", b"/=", b".=", b"%=", b"&=", b"|=", b"^=", b"??", b"&&",
        b"||", b"<<", b">>", b"=>", b"#[",
    ];
    const CASTS: [&[u8]; 12] = [
        b"int", b"integer", b"double", b"float", b"real", b"string", b"binary", b"array", b"object", b"bool",
        b"boolean", b"unset",
    ];
    let label = |text: &[u8]| match text.first() {
        Some(&first) if is_label_start(first) => text.iter().take_while(|&&byte| is_label_byte(byte)).count(),
        _ => 0,
    };
    let blanks = |text: &[u8]| text.iter().take_while(|&&byte| matches!(byte, b' ' | b'\t')).count();
    match text {
        [b'$', name @ ..] => return 1 + label(name),
        [b'\\', ..] => {
            let mut length = 0;
            while text.get(length) == Some(&b'\\') && label(&text[length + 1..]) > 0 {
                length += 1 + label(&text[length + 1..]);
            }
            return length.max(1);
        }
        [b'.', fraction @ ..] if fraction.first().is_some_and(u8::is_ascii_digit) => {
            let length = 1 + digits(fraction, u8::is_ascii_digit);
            let sign = match &text[length..] {
                [b'e' | b'E', b'+' | b'-', ..] => 2,
                [b'e' | b'E', ..] => 1,
                _ => return length,
            };
            return match digits(&text[length + sign..], u8::is_ascii_digit) {
                0 => length,
                exponent => length + sign + exponent,
            };
        }
        [b'(', inner @ ..] => {
            let from = blanks(inner);
            let word = label(&inner[from..]);
            let to = from + word + blanks(&inner[from + word..]);
            let cast = word > 0 && CASTS.iter().any(|cast| inner[from..from + word].eq_ignore_ascii_case(cast));
            return if cast && inner.get(to) == Some(&b')') { to + 2 } else { 1 };
        }
        _ => {}
    }
    OPERATORS.iter().find(|operator| text.starts_with(operator)).map_or(1, |operator| operator.len())
}

/// The bytes at which something may end or begin in a double-quoted string.
pub(super) static DOUBLE: [bool; 256] = table(b"\"\\${");

/// Marks some bytes, for [`Iterator::position`].
pub(super) const fn table(bytes: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut index = 0;
    while index < bytes.len() {
        table[bytes[index] as usize] = true;
        index += 1;
    }
    table
}
