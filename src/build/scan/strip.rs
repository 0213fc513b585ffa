//! What PHP's own lexer leaves of a file when it takes comments and white space out.

use super::declarations::may_end_in_keyword;
use super::tokens::{
    DOUBLE, Label, Opener, comment_end, continues_token, ends_in_arrow, heredoc_opener, is_label_byte, is_label_start,
    is_space, line_comment_end, open_tag, plain_double_quoted_end, single_quoted_end, symbol_length, table, trim_end,
};
use super::yield_from::YieldFrom;

/// Appends to `out` what `php_strip_whitespace` returns for `input` on PHP 8.4 with `short_open_tag` off, as
/// Composer's scanner calls it.
///
/// White space in code is not cut down to one space unless it holds a line break: no later stage can tell spaces
/// from one space, but a line break ends what Composer's cleaner takes for a comment or for a line of a heredoc.
///
/// Like PHP's, this lexer knows nothing of `__halt_compiler`.
///
/// It may stop at a line of code behind the place `enough`, but never between a keyword and what follows. Says
/// whether it did.
pub(super) fn strip(input: &[u8], enough: usize, out: &mut Vec<u8>) -> bool {
    out.reserve(input.len());
    let mut lexer = Lexer {
        input,
        out,
        enough,
        at: 0,
        kept: 0,
        code: 0,
        property: false,
        interpolations: Vec::new(),
        yields: YieldFrom::default(),
    };
    // The command line skips the first line of *every* file when it begins with `#!`. Without a line break PHP
    // reads on past the end, and nothing is left.
    if input.starts_with(b"#!") {
        lexer.at = memchr::memchr(b'\n', input).map_or(input.len(), |newline| newline + 1);
        lexer.kept = lexer.at;
    }
    let mut state = State::Html;
    loop {
        state = match state {
            State::Html => lexer.html(),
            State::Code => lexer.code(),
            State::Text(text) => lexer.text(text),
            State::AfterHeredoc => lexer.after_heredoc(),
            State::End => {
                lexer.keep(input.len());
                return false;
            }
            State::Enough => return true,
        };
    }
}

/// Where the lexer is.
enum State {
    /// Outside `<?php … ?>`.
    Html,
    /// In code.
    Code,
    /// In text that may hold variables, or in a nowdoc.
    Text(Text),
    /// Right after the closing label of a heredoc.
    AfterHeredoc,
    /// At the end of the file.
    End,
    /// Behind what the caller wants to see.
    Enough,
}

/// A text that is more than one token. Labels are ranges of the input.
#[derive(Clone, Copy)]
enum Text {
    Double,
    Backtick,
    Heredoc(Label),
    Nowdoc(Label),
}

/// Code inside `{$…}` or `${…}`: the text around it, and how many braces are open in the code.
struct Interpolation {
    text: Text,
    braces: usize,
}

struct Lexer<'a> {
    input: &'a [u8],
    out: &'a mut Vec<u8>,
    /// Where the caller allows to stop.
    enough: usize,
    /// The next byte to look at.
    at: usize,
    /// Everything before is in `out` or was left out.
    kept: usize,
    /// Since here there was nothing but code and white space.
    code: usize,
    /// Whether the code there comes behind `->` and comments: PHP awaits the name of a property.
    property: bool,
    interpolations: Vec<Interpolation>,
    yields: YieldFrom,
}

impl Lexer<'_> {
    /// Copies up to `end`.
    fn keep(&mut self, end: usize) {
        self.out.extend_from_slice(&self.input[self.kept..end]);
        self.kept = end;
    }

    fn peek(&self, offset: usize) -> Option<u8> {
        self.input.get(self.at + offset).copied()
    }

    fn rest(&self) -> &[u8] {
        &self.input[self.at..]
    }

    /// Goes on in code at `at`, behind a token that is not code.
    fn resume_code(&mut self, at: usize) {
        self.at = at;
        self.code = at;
        self.property = false;
    }

    fn html(&mut self) -> State {
        loop {
            let Some(offset) = memchr::memchr(b'<', self.rest()) else { return State::End };
            self.at += offset;
            if let Some(length) = open_tag(self.rest()) {
                self.resume_code(self.at + length);
                return State::Code;
            }
            self.at += 1;
        }
    }

    fn code(&mut self) -> State {
        let table = if self.interpolations.is_empty() { &CODE } else { &CODE_IN_TEXT };
        while let Some(offset) = self.rest().iter().position(|&byte| table[usize::from(byte)]) {
            self.at += offset;
            match self.input[self.at] {
                b'\n' | b'\r' => {
                    let may_stop = self.at >= self.enough;
                    self.line_break();
                    if may_stop && self.kept == self.at && !may_end_in_keyword(self.out) {
                        return State::Enough;
                    }
                }
                b'\'' => self.resume_code(single_quoted_end(self.input, self.at)),
                b'"' => match plain_double_quoted_end(self.input, self.at) {
                    Some(end) => self.resume_code(end),
                    None => return self.enter(Text::Double),
                },
                b'`' => return self.enter(Text::Backtick),
                b'/' | b'#' => match comment_end(self.input, self.at) {
                    Some(end) => self.comment(end),
                    // Where a property is awaited, `#[` begins no attribute.
                    None if self.rest().starts_with(b"#[") && self.awaits_property(self.at) => {
                        self.comment(line_comment_end(self.input, self.at + 1));
                    }
                    None => self.at += 1,
                },
                b'<' => match heredoc_opener(self.input, self.at) {
                    Some(opener) => return self.enter_heredoc(&opener),
                    None => self.at += if self.peek(1) == Some(b'<') { 2 } else { 1 },
                },
                b'?' => match self.peek(1) {
                    Some(b'>') => return self.close_tag(),
                    Some(b'?') => self.at += 2,
                    _ => self.at += 1,
                },
                byte => {
                    self.at += 1;
                    if let Some(text) = self.brace(byte) {
                        return State::Text(text);
                    }
                }
            }
        }
        State::End
    }

    /// White space that holds a line break becomes one space.
    fn line_break(&mut self) {
        if let Some(end) = self.yield_from(self.at) {
            self.at = end;
            return;
        }
        self.keep(self.at);
        self.out.push(b' ');
        self.at += self.rest().iter().take_while(|&&byte| is_space(byte)).count();
        self.kept = self.at;
    }

    fn comment(&mut self, end: usize) {
        if let Some(end) = self.yield_from(self.at) {
            self.at = end;
            return;
        }
        self.property = self.awaits_property(self.at);
        self.keep(self.at);
        self.kept = end;
        self.at = end;
        self.code = end;
    }

    /// Whether nothing but white space and comments stand between `->` and `at`.
    fn awaits_property(&self, at: usize) -> bool {
        let code = trim_end(&self.input[self.code..at]);
        if code.is_empty() { self.property } else { ends_in_arrow(code) }
    }

    fn enter(&mut self, text: Text) -> State {
        self.at += 1;
        State::Text(text)
    }

    /// Enters the text of a heredoc, or passes its closing label when that is all there is.
    fn enter_heredoc(&mut self, opener: &Opener) -> State {
        self.at = opener.end;
        if let Some(end) = self.closing_label(opener.label) {
            self.at = end;
            return State::AfterHeredoc;
        }
        State::Text(if opener.nowdoc { Text::Nowdoc(opener.label) } else { Text::Heredoc(opener.label) })
    }

    fn close_tag(&mut self) -> State {
        self.at += 2;
        self.at += match (self.peek(0), self.peek(1)) {
            (Some(b'\r'), Some(b'\n')) => 2,
            (Some(b'\r' | b'\n'), _) => 1,
            _ => 0,
        };
        State::Html
    }

    /// Counts a brace of code inside a text. At the one that ends the interpolation, the text to go on with.
    fn brace(&mut self, byte: u8) -> Option<Text> {
        let interpolation = self.interpolations.last_mut()?;
        match byte {
            b'{' => interpolation.braces += 1,
            b'}' if interpolation.braces > 0 => interpolation.braces -= 1,
            b'}' => return self.interpolations.pop().map(|interpolation| interpolation.text),
            _ => {}
        }
        None
    }

    fn text(&mut self, text: Text) -> State {
        if let Text::Nowdoc(label) = text {
            return self.nowdoc(label);
        }
        let table = match text {
            Text::Double => &DOUBLE,
            Text::Backtick => &BACKTICK,
            Text::Heredoc(_) | Text::Nowdoc(_) => &HEREDOC,
        };
        while let Some(offset) = self.rest().iter().position(|&byte| table[usize::from(byte)]) {
            self.at += offset;
            match (self.input[self.at], self.peek(1)) {
                (b'\\', Some(b'\n' | b'\r')) if matches!(text, Text::Heredoc(_)) => self.at += 1,
                (b'\\', next) => self.at += if next.is_some() { 2 } else { 1 },
                (b'{', Some(b'$')) => return self.interpolation(text, 1),
                (b'$', Some(b'{')) => return self.interpolation(text, 2),
                (b'$', Some(next)) if is_label_start(next) => self.variable(),
                (b'$' | b'{', _) => self.at += 1,
                (byte, next) => {
                    let Text::Heredoc(label) = text else {
                        self.resume_code(self.at + 1);
                        return State::Code;
                    };
                    self.at += if byte == b'\r' && next == Some(b'\n') { 2 } else { 1 };
                    if let Some(end) = self.closing_label(label) {
                        self.at = end;
                        return State::AfterHeredoc;
                    }
                }
            }
        }
        State::End
    }

    fn nowdoc(&mut self, label: Label) -> State {
        while let Some(offset) = memchr::memchr2(b'\n', b'\r', self.rest()) {
            self.at += offset;
            self.at += if self.rest().starts_with(b"\r\n") { 2 } else { 1 };
            if let Some(end) = self.closing_label(label) {
                self.at = end;
                return State::AfterHeredoc;
            }
        }
        State::End
    }

    fn interpolation(&mut self, text: Text, length: usize) -> State {
        self.interpolations.push(Interpolation { text, braces: 0 });
        self.resume_code(self.at + length);
        State::Code
    }

    /// Passes `$name`, and `$name[…` up to what ends an index: there, PHP takes even quotes for a part of it.
    fn variable(&mut self) {
        self.at += 1;
        self.at += self.rest().iter().take_while(|&&byte| is_label_byte(byte)).count();
        if self.peek(0) == Some(b'[') {
            let ends = |&byte: &u8| matches!(byte, b']' | b' ' | b'\n' | b'\r' | b'\t' | b'\\' | b'\'' | b'#');
            self.at += self.rest().iter().position(ends).unwrap_or(self.input.len() - self.at);
            if self.peek(0) == Some(b']') {
                self.at += 1;
            }
        }
    }

    /// Where the label ends that closes a heredoc, if it stands at the start of the line that begins here. A label
    /// at the very end of the file closes nothing.
    fn closing_label(&self, label: Label) -> Option<usize> {
        let indent = self.rest().iter().take_while(|&&byte| matches!(byte, b' ' | b'\t')).count();
        let line = &self.rest()[indent..];
        let label = &self.input[label.start..label.start + label.length];
        let next = *line.strip_prefix(label)?.first()?;
        (!is_label_byte(next)).then_some(self.at + indent + label.len())
    }

    /// `php_strip_whitespace` puts a line break behind the token that follows a heredoc, or in place of white space.
    fn after_heredoc(&mut self) -> State {
        let Some(byte) = self.peek(0) else { return State::End };
        self.resume_code(self.at);
        let mut state = State::Code;
        match byte {
            _ if is_space(byte) => {
                self.keep(self.at);
                self.at += self.rest().iter().take_while(|&&byte| is_space(byte)).count();
                self.kept = self.at;
            }
            b'\'' => self.at = single_quoted_end(self.input, self.at),
            b'"' => match plain_double_quoted_end(self.input, self.at) {
                Some(end) => self.at = end,
                None => state = self.enter(Text::Double),
            },
            b'`' => state = self.enter(Text::Backtick),
            b'?' if self.peek(1) == Some(b'>') => state = self.close_tag(),
            b'{' | b'}' => {
                self.at += 1;
                state = self.brace(byte).map_or(State::Code, State::Text);
            }
            _ => match (comment_end(self.input, self.at), heredoc_opener(self.input, self.at)) {
                (Some(end), _) => self.at = end,
                (None, Some(opener)) => {
                    // The line break comes before the text, so a label that closes it at once is not disturbed.
                    self.at = opener.end;
                    self.keep(self.at);
                    self.out.push(b'\n');
                    return self.enter_heredoc(&opener);
                }
                (None, None) => {
                    // It stays a part of the code before what follows: `->` makes the next word a property.
                    self.at += symbol_length(self.rest());
                    self.keep(self.at);
                    self.out.push(b'\n');
                    return State::Code;
                }
            },
        }
        self.keep(self.at);
        self.out.push(b'\n');
        self.code = self.at;
        state
    }

    /// Where `yield from` ends, if white space or a comment at `at` stands between its words.
    fn yield_from(&mut self, at: usize) -> Option<usize> {
        let code = &self.input[self.code..at];
        if !matches!(code, [.., b'd' | b'D' | b' ' | b'\t' | b'\r' | b'\n']) {
            return None;
        }
        let end = trim_end(code).len();
        let start = end.checked_sub(5)?;
        let word = &code[start..end];
        if !word.eq_ignore_ascii_case(b"yield")
            || continues_token(&code[..start])
            || self.awaits_property(self.code + start)
        {
            return None;
        }
        self.yields.end(self.input, self.code + end)
    }
}

/// The bytes at which something may begin in code, or in a text.
static CODE: [bool; 256] = table(b"\n\r'\"`/#<?");
static CODE_IN_TEXT: [bool; 256] = table(b"\n\r'\"`/#<?{}");
static BACKTICK: [bool; 256] = table(b"`\\${");
static HEREDOC: [bool; 256] = table(b"\n\r\\${");
