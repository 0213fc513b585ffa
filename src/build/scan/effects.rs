//! What running a PHP file does besides declaring functions, classes and constants: read from its tokens, without
//! running it. For files that Composer loads on every request.
//!
//! Statements inside of blocks count as if they were run: which way a condition goes is not known. Bodies of functions
//! and classes do not, and neither do variables of the file itself: Composer loads files inside of a function.

use std::collections::BTreeSet;
use std::fmt;

use super::outline::{Kind, Outline, Token};

/// Something that a file does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// Ends PHP.
    Exits,
    /// Prints, or holds text outside of PHP's tags.
    Prints,
    /// Throws.
    Throws,
    /// Loads another file: its path relative to the directory of the file, when that is written as
    /// `__DIR__ . '/…'` or the like.
    Includes(Option<String>),
    /// Sets a variable that outlives it: `$GLOBALS['x']`, one that it declares `global`, a static property.
    Sets(String),
    /// Calls a function or method, or makes an object.
    Calls(String),
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exits => f.write_str("ends PHP"),
            Self::Prints => f.write_str("prints"),
            Self::Throws => f.write_str("throws"),
            Self::Includes(Some(path)) => write!(f, "includes `{}`", path.trim_start_matches('/')),
            Self::Includes(None) => f.write_str("includes a file that it computes"),
            Self::Sets(name) => write!(f, "sets `{name}`"),
            Self::Calls(name) => write!(f, "calls `{name}`"),
        }
    }
}

/// Functions that change nothing that lasts, or declare something.
const HARMLESS: &[&str] = &[
    "array_key_exists",
    "array_keys",
    "array_merge",
    "basename",
    "class_alias",
    "class_exists",
    "constant",
    "count",
    "curl_version",
    "define",
    "defined",
    "dirname",
    "enum_exists",
    "explode",
    "extension_loaded",
    "file_exists",
    "function_exists",
    "get_cfg_var",
    "getenv",
    "implode",
    "in_array",
    "ini_get",
    "interface_exists",
    "is_array",
    "is_bool",
    "is_callable",
    "is_dir",
    "is_file",
    "is_int",
    "is_null",
    "is_object",
    "is_readable",
    "is_string",
    "isset",
    "empty",
    "array",
    "list",
    "max",
    "method_exists",
    "min",
    "php_sapi_name",
    "php_uname",
    "phpversion",
    "preg_match",
    "property_exists",
    "realpath",
    "rtrim",
    "sprintf",
    "str_replace",
    "strcasecmp",
    "strlen",
    "strncasecmp",
    "strpos",
    "strtolower",
    "strtoupper",
    "substr",
    "trait_exists",
    "trim",
    "version_compare",
];

/// What a file with these bytes does, in no order, each once.
#[must_use]
pub fn effects(contents: &[u8]) -> BTreeSet<Effect> {
    let outline = Outline::new(contents);
    let mut reader = Reader { tokens: &outline.tokens, at: 0, globals: BTreeSet::new(), found: BTreeSet::new() };
    while reader.at < reader.tokens.len() {
        reader.statement();
    }
    reader.found
}

struct Reader<'t> {
    tokens: &'t [Token<'t>],
    at: usize,
    /// Variables that the file declares `global`.
    globals: BTreeSet<String>,
    found: BTreeSet<Effect>,
}

impl<'t> Reader<'t> {
    fn token(&self, offset: usize) -> Option<Token<'t>> {
        self.tokens.get(self.at + offset).copied()
    }

    fn is(&self, offset: usize, symbol: &str) -> bool {
        self.token(offset).is_some_and(|token| token.is(symbol))
    }

    /// The word there, in lower case.
    fn word(&self, offset: usize) -> Option<String> {
        self.token(offset).filter(|token| token.kind == Kind::Word).map(|token| token.text().to_lowercase())
    }

    /// Reads one statement, or the head of a compound one: its blocks are statements that follow.
    fn statement(&mut self) {
        let Some(token) = self.token(0) else { return };
        match token.kind {
            Kind::Html => {
                self.at += 1;
                // Line breaks around the tags are no text that somebody wrote.
                if !token.bytes.iter().all(u8::is_ascii_whitespace) && !token.bytes.starts_with(b"#!") {
                    self.found.insert(Effect::Prints);
                }
            }
            Kind::Word => self.worded(),
            Kind::Symbol if token.is("#[") => self.skip_group(),
            Kind::Symbol if ["{", "}", ";", ":"].iter().any(|symbol| token.is(symbol)) => self.at += 1,
            _ => self.expression(),
        }
    }

    fn worded(&mut self) {
        let word = self.word(0).unwrap_or_default();
        match word.as_str() {
            "namespace" => self.skip_past(&[";", "{"]),
            "use" => self.skip_use(),
            "declare" | "catch" => {
                self.at += 1;
                self.skip_group();
            }
            "function" if self.declares_function() => self.skip_declaration(),
            "abstract" | "final" | "readonly" | "class" | "interface" | "trait" | "enum" if self.declares_class() => {
                self.skip_declaration();
            }
            "if" | "elseif" | "while" | "for" | "foreach" | "switch" => {
                self.at += 1;
                self.group();
            }
            "else" | "try" | "finally" | "do" | "default" => self.at += 1,
            "endif" | "endwhile" | "endfor" | "endforeach" | "endswitch" | "break" | "continue" | "goto" => {
                self.skip_past(&[";"]);
            }
            "global" => {
                while let Some(token) = self.token(0).filter(|token| !token.is(";")) {
                    if token.kind == Kind::Variable {
                        self.globals.insert(token.text());
                    }
                    self.at += 1;
                }
            }
            "__halt_compiler" => self.at = self.tokens.len(),
            "case" => {
                self.at += 1;
                self.until(&[":", ";"]);
            }
            // `const` may compute, and `return` and `echo` are followed by an expression.
            _ => self.expression(),
        }
    }

    /// `function name(`, `function &name(`; a closure has no name.
    fn declares_function(&self) -> bool {
        let name = 1 + usize::from(self.is(1, "&"));
        self.token(name).is_some_and(|token| token.kind == Kind::Word) && self.is(name + 1, "(")
    }

    /// `final class Name`; not `enum(` nor `readonly(`, which are calls.
    fn declares_class(&self) -> bool {
        self.token(1).is_some_and(|token| token.kind == Kind::Word)
    }

    /// From the head of a declaration behind its body.
    fn skip_declaration(&mut self) {
        while let Some(token) = self.token(0) {
            if token.is(";") {
                self.at += 1;
                return;
            }
            if token.is("{") {
                return self.skip_group();
            }
            if token.is("(") || token.is("#[") {
                self.skip_group();
            } else {
                self.at += 1;
            }
        }
    }

    /// `use A\{B, C};`, and nothing of it is run.
    fn skip_use(&mut self) {
        while let Some(token) = self.token(0) {
            self.at += 1;
            if token.is(";") {
                return;
            }
        }
    }

    fn skip_past(&mut self, symbols: &[&str]) {
        while let Some(token) = self.token(0) {
            // `namespace\f()` is one word; `namespace` alone is followed by a name.
            self.at += 1;
            if symbols.iter().any(|symbol| token.is(symbol)) {
                return;
            }
        }
    }

    /// Passes what is between brackets, without a look at it.
    fn skip_group(&mut self) {
        let mut depth = 0_usize;
        while let Some(token) = self.token(0) {
            self.at += 1;
            if token.opens() {
                depth += 1;
            } else if token.closes() {
                depth = depth.saturating_sub(1);
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// Reads what is between brackets, as an expression.
    fn group(&mut self) {
        let from = self.at;
        self.skip_group();
        let end = self.at;
        self.at = from;
        while self.at < end {
            self.part();
        }
        self.at = self.at.max(end);
    }

    /// Reads an expression up to the end of its statement.
    fn expression(&mut self) {
        self.until(&[";"]);
    }

    fn until(&mut self, ends: &[&str]) {
        let mut depth = 0_usize;
        while let Some(token) = self.token(0) {
            if token.kind == Kind::Html {
                return;
            }
            if depth == 0 && (ends.iter().any(|end| token.is(end)) || token.is("}")) {
                self.at += usize::from(!token.is("}"));
                return;
            }
            if token.opens() {
                depth += 1;
            } else if token.closes() {
                depth = depth.saturating_sub(1);
            }
            self.part();
        }
    }

    /// Reads one token of an expression, and more where that is needed to know what it means.
    fn part(&mut self) {
        let Some(token) = self.token(0) else { return };
        match token.kind {
            Kind::Word => self.word_of_expression(),
            Kind::Variable => {
                self.assigned();
                self.at += 1;
            }
            Kind::Symbol if token.is("#[") => self.skip_group(),
            Kind::Symbol if token.is("`") => {
                self.found.insert(Effect::Calls("shell_exec".to_owned()));
                self.at += 1;
            }
            // `(function () { … })()`, `$f['x']()`.
            Kind::Symbol if (token.is(")") || token.is("]")) && self.is(1, "(") => {
                self.found.insert(Effect::Calls("a closure".to_owned()));
                self.at += 1;
            }
            _ => self.at += 1,
        }
    }

    fn word_of_expression(&mut self) {
        let word = self.word(0).unwrap_or_default();
        let before = self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).copied();
        let after = |symbol: &str| before.is_some_and(|token| token.is(symbol));
        let member = after("->") || after("?->") || after("::");
        match word.as_str() {
            "exit" | "die" if !member => drop(self.found.insert(Effect::Exits)),
            "echo" | "print" if !member => drop(self.found.insert(Effect::Prints)),
            "throw" if !member => drop(self.found.insert(Effect::Throws)),
            "include" | "include_once" | "require" | "require_once" if !member => {
                let path = self.path();
                self.found.insert(Effect::Includes(path));
            }
            "function" | "fn" if !member => return self.closure(word == "function"),
            "new" if !member => {
                let class = self.token(1).map(Token::text).unwrap_or_default();
                if class == "class" {
                    self.at += 1;
                    return self.skip_declaration();
                }
                self.found.insert(Effect::Calls(format!("new {}", class.trim_start_matches('\\'))));
                self.at += 1;
            }
            _ if self.is(1, "(") => self.called(&word, before),
            _ if self.is(1, "::") && self.token(2).is_some_and(|token| token.kind == Kind::Variable) => {
                if self.assigns(3) {
                    let property = self.token(2).map(Token::text).unwrap_or_default();
                    let class = self.token(0).map(Token::text).unwrap_or_default();
                    self.found.insert(Effect::Sets(format!("{}::{property}", class.trim_start_matches('\\'))));
                }
                self.at += 2;
            }
            _ => {}
        }
        self.at += 1;
    }

    /// A call of what is named by the word here, behind `->` or `::` perhaps.
    fn called(&mut self, word: &str, before: Option<Token<'_>>) {
        let owner = |offset: usize| self.at.checked_sub(offset).and_then(|at| self.tokens.get(at)).map(|t| t.text());
        let name = self.token(0).map(Token::text).unwrap_or_default();
        let name = name.trim_start_matches('\\');
        let name = match before {
            Some(before) if before.is("::") => {
                format!("{}::{name}", owner(2).unwrap_or_default().trim_start_matches('\\'))
            }
            Some(before) if before.is("->") || before.is("?->") => match owner(2) {
                Some(object) if object.starts_with('$') => format!("{object}->{name}"),
                _ => format!("->{name}"),
            },
            _ if HARMLESS.contains(&word.trim_start_matches('\\')) => return,
            // Words of the language that brackets may follow.
            _ if matches!(
                word,
                "and" | "or" | "xor" | "return" | "clone" | "instanceof" | "match" | "const" | "unset"
            ) =>
            {
                return;
            }
            _ => name.to_owned(),
        };
        self.found.insert(Effect::Calls(name));
    }

    /// A closure is only run when it is called; what is called at once was seen by its brackets.
    fn closure(&mut self, has_body: bool) {
        self.at += 1;
        if self.is(0, "&") {
            self.at += 1;
        }
        if self.is(0, "(") {
            self.skip_group();
        }
        if has_body {
            while let Some(token) = self.token(0).filter(|token| !token.is(";")) {
                if token.is("{") {
                    return self.skip_group();
                }
                if token.is("(") { self.skip_group() } else { self.at += 1 }
            }
        }
    }

    /// The variable here may be one that lasts.
    fn assigned(&mut self) {
        let Some(name) = self.token(0).map(Token::text) else { return };
        let global = name == "$GLOBALS";
        if !(global || self.globals.contains(&name)) || !self.assigns(1) {
            return;
        }
        let key = self.token(2).filter(|_| global && self.is(1, "[") && self.is(3, "]")).map(Token::text);
        self.found.insert(Effect::Sets(key.map_or(name, |key| format!("$GLOBALS[{key}]"))));
    }

    /// Whether what ends before `offset` is assigned to, it or an item of it.
    fn assigns(&self, mut offset: usize) -> bool {
        const ASSIGNING: [&str; 16] =
            ["=", "+=", "-=", "*=", "/=", ".=", "%=", "&=", "|=", "^=", "**=", "<<=", ">>=", "??=", "++", "--"];
        // Nobody writes a longer index; without a limit, brackets that are never closed would take long.
        let most = offset + 200;
        let mut depth = 0_usize;
        while offset < most && (depth > 0 || self.is(offset, "[")) {
            depth += usize::from(self.is(offset, "["));
            depth -= usize::from(self.is(offset, "]"));
            offset += 1;
        }
        ASSIGNING.iter().any(|symbol| self.is(offset, symbol))
    }

    /// The path behind `require`, when it is `__DIR__ . 'text'`, `dirname(__FILE__) . 'text'` or `'text'`.
    fn path(&self) -> Option<String> {
        let mut at = 1 + usize::from(self.is(1, "("));
        if self.word(at).as_deref() == Some("__dir__") && self.is(at + 1, ".") {
            at += 2;
        } else if self.word(at).is_some_and(|word| word.trim_start_matches('\\') == "dirname")
            && self.word(at + 2).as_deref() == Some("__file__")
            && self.is(at + 4, ".")
        {
            at += 5;
        }
        let text = self.token(at).filter(|token| token.kind == Kind::Text)?;
        let whole = self.token(at + 1).is_none_or(|next| next.is(";") || next.is(")") || next.kind == Kind::Html);
        text.constant().filter(|_| whole)
    }
}

#[cfg(test)]
mod tests;
