//! The tokens of a PHP file with strings, heredocs and text outside of tags as one token each, comments and white
//! space left out: enough to tell statements apart.

use super::tokens::{
    Label, comment_end, heredoc_opener, is_label_byte, is_label_start, is_space, open_tag, single_quoted_end,
    symbol_length,
};

/// The tokens of a file.
pub(super) struct Outline<'i> {
    pub(super) tokens: Vec<Token<'i>>,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text outside of tags.
    Html,
    /// A name, with namespace, or a word of the language.
    Word,
    /// `$name`.
    Variable,
    /// A string or heredoc, whole.
    Text,
    /// A number or a symbol.
    Symbol,
}

/// A token.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'i> {
    pub(super) kind: Kind,
    pub(super) bytes: &'i [u8],
}

impl Token<'_> {
    /// Whether it is this symbol.
    pub(super) fn is(&self, symbol: &str) -> bool {
        self.kind == Kind::Symbol && self.bytes == symbol.as_bytes()
    }

    /// Whether a closing bracket belongs to it.
    pub(super) fn opens(&self) -> bool {
        ["(", "[", "{", "#["].iter().any(|symbol| self.is(symbol))
    }

    /// Whether it is a closing bracket.
    pub(super) fn closes(&self) -> bool {
        [")", "]", "}"].iter().any(|symbol| self.is(symbol))
    }

    /// As a message may show it.
    pub(super) fn text(self) -> String {
        String::from_utf8_lossy(self.bytes).into_owned()
    }

    /// The value of a string without escapes and variables.
    pub(super) fn constant(&self) -> Option<String> {
        let inner = match self.bytes {
            [b'\'', inner @ .., b'\''] => inner,
            [b'"', inner @ .., b'"'] if !inner.contains(&b'$') => inner,
            _ => return None,
        };
        (!inner.contains(&b'\\')).then(|| String::from_utf8(inner.to_vec()).ok())?
    }
}

impl<'i> Outline<'i> {
    /// Reads a file; any bytes will do.
    pub(super) fn new(input: &'i [u8]) -> Self {
        let mut tokens = Vec::new();
        let mut at = 0;
        while at < input.len() {
            at = html(input, at, &mut tokens);
            at = code(input, at, &mut tokens);
        }
        Self { tokens }
    }
}

/// Text up to and with an opening tag.
fn html<'i>(input: &'i [u8], from: usize, tokens: &mut Vec<Token<'i>>) -> usize {
    let mut at = from;
    loop {
        let tag = memchr::memchr(b'<', &input[at..]).map(|offset| at + offset);
        let Some(tag) = tag else {
            tokens.push(Token { kind: Kind::Html, bytes: &input[from..] });
            return input.len();
        };
        let Some(length) = open_tag(&input[tag..]) else {
            at = tag + 1;
            continue;
        };
        if tag > from {
            tokens.push(Token { kind: Kind::Html, bytes: &input[from..tag] });
        }
        if input[tag..].starts_with(b"<?=") {
            tokens.push(Token { kind: Kind::Word, bytes: b"echo" });
        }
        return tag + length;
    }
}

/// Code up to and with a closing tag, which ends a statement.
fn code<'i>(input: &'i [u8], from: usize, tokens: &mut Vec<Token<'i>>) -> usize {
    let mut at = from;
    while at < input.len() {
        let byte = input[at];
        let (kind, end) = match byte {
            _ if is_space(byte) => {
                at += 1;
                continue;
            }
            b'?' if input.get(at + 1) == Some(&b'>') => {
                tokens.push(Token { kind: Kind::Symbol, bytes: b";" });
                let rest = &input[at + 2..];
                return at + 2 + if rest.starts_with(b"\r\n") { 2 } else { usize::from(rest.starts_with(b"\n")) };
            }
            b'\'' => (Kind::Text, single_quoted_end(input, at)),
            b'"' => (Kind::Text, text_end(input, at + 1, Closing::Quote(b'"'))),
            b'`' => {
                tokens.push(Token { kind: Kind::Symbol, bytes: b"`" });
                (Kind::Text, text_end(input, at + 1, Closing::Quote(b'`')))
            }
            b'/' | b'#' => match comment_end(input, at) {
                Some(end) => {
                    at = end;
                    continue;
                }
                None => (Kind::Symbol, at + symbol_length(&input[at..])),
            },
            b'<' => match heredoc_opener(input, at) {
                Some(opener) => {
                    let closing = Closing::Label { label: opener.label, nowdoc: opener.nowdoc };
                    (Kind::Text, text_end(input, opener.end, closing))
                }
                None => (Kind::Symbol, at + symbol_length(&input[at..])),
            },
            b'$' => {
                let length = symbol_length(&input[at..]);
                (if length > 1 { Kind::Variable } else { Kind::Symbol }, at + length)
            }
            b'\\' => {
                let length = symbol_length(&input[at..]);
                (if length > 1 { Kind::Word } else { Kind::Symbol }, at + length)
            }
            _ if is_label_start(byte) => (Kind::Word, name_end(input, at)),
            _ if byte.is_ascii_digit() => {
                let length = input[at..].iter().take_while(|&&b| is_label_byte(b) || b == b'.').count();
                (Kind::Symbol, at + length)
            }
            // A cast is one symbol for PHP; for us the bracket matters more.
            b'(' => (Kind::Symbol, at + 1),
            _ => (Kind::Symbol, at + symbol_length(&input[at..])),
        };
        let end = end.clamp(at + 1, input.len());
        tokens.push(Token { kind, bytes: &input[at..end] });
        at = end;
    }
    at
}

/// Behind a name and the parts of namespaces that follow it without a space.
fn name_end(input: &[u8], from: usize) -> usize {
    let label = |at: usize| at + input[at..].iter().take_while(|&&byte| is_label_byte(byte)).count();
    let mut end = label(from);
    while input.get(end) == Some(&b'\\') && input.get(end + 1).is_some_and(|&byte| is_label_start(byte)) {
        end = label(end + 1);
    }
    end
}

/// What ends a text.
#[derive(Clone, Copy)]
enum Closing {
    Quote(u8),
    Label { label: Label, nowdoc: bool },
}

/// A text or code in one, the inner ones behind the outer ones.
enum Inside {
    Text(Closing),
    Code { braces: usize },
}

/// Behind the text whose content begins at `at`, with everything that is interpolated.
fn text_end(input: &[u8], mut at: usize, closing: Closing) -> usize {
    let mut open = vec![Inside::Text(closing)];
    // A label may close right away.
    let mut line_start = matches!(closing, Closing::Label { .. });
    while let Some(inside) = open.last_mut() {
        if at >= input.len() {
            return input.len();
        }
        match inside {
            Inside::Text(Closing::Label { label, nowdoc }) => {
                if line_start && let Some(end) = label_end(input, at, *label) {
                    at = end;
                    open.pop();
                    line_start = false;
                    continue;
                }
                let nowdoc = *nowdoc;
                line_start = matches!(input[at], b'\n' | b'\r');
                if !nowdoc && let Some(length) = interpolation(&input[at..]) {
                    open.push(Inside::Code { braces: 0 });
                    at += length;
                } else {
                    let escapes = !nowdoc && input[at] == b'\\' && !matches!(input.get(at + 1), Some(b'\n' | b'\r'));
                    at += 1 + usize::from(escapes);
                }
            }
            Inside::Text(Closing::Quote(quote)) => {
                let byte = input[at];
                if byte == *quote {
                    open.pop();
                    at += 1;
                } else if let Some(length) = interpolation(&input[at..]) {
                    open.push(Inside::Code { braces: 0 });
                    at += length;
                } else {
                    at += 1 + usize::from(byte == b'\\');
                }
            }
            Inside::Code { braces } => match input[at] {
                b'{' => {
                    *braces += 1;
                    at += 1;
                }
                b'}' if *braces > 0 => {
                    *braces -= 1;
                    at += 1;
                }
                b'}' => {
                    open.pop();
                    at += 1;
                    line_start = false;
                }
                b'\'' => at = single_quoted_end(input, at),
                quote @ (b'"' | b'`') => {
                    open.push(Inside::Text(Closing::Quote(quote)));
                    at += 1;
                }
                b'/' | b'#' => at = comment_end(input, at).unwrap_or(at + 1),
                b'<' => match heredoc_opener(input, at) {
                    Some(opener) => {
                        let closing = Closing::Label { label: opener.label, nowdoc: opener.nowdoc };
                        open.push(Inside::Text(closing));
                        at = opener.end;
                        line_start = true;
                    }
                    None => at += 1,
                },
                _ => at += 1,
            },
        }
    }
    at
}

/// The length of what begins code in a text.
fn interpolation(text: &[u8]) -> Option<usize> {
    match text {
        [b'{', b'$', ..] => Some(1),
        [b'$', b'{', ..] => Some(2),
        _ => None,
    }
}

/// Behind the label that closes a heredoc, if it stands on the line that begins here.
fn label_end(input: &[u8], at: usize, label: Label) -> Option<usize> {
    let indent = input[at..].iter().take_while(|&&byte| matches!(byte, b' ' | b'\t')).count();
    let rest = input[at + indent..].strip_prefix(&input[label.start..label.start + label.length])?;
    rest.first().is_none_or(|&next| !is_label_byte(next)).then_some(at + indent + label.length)
}
