//! Rust source as the rules see it: code, string literals and `use` paths, without comments and test modules.

/// One file below `src/`, `php/` or the top of the repository.
pub(super) struct Source {
    /// Relative to the repository, with `/`.
    pub(super) path: String,
    /// As it is on disk.
    pub(super) raw: String,
    /// Without comments, test modules and the text inside literals; lines are where they were. Each line that
    /// ends a `use` has all paths of it appended in full.
    pub(super) code: String,
    /// String literals outside test modules, as written between their quotes, with their line.
    pub(super) literals: Vec<(usize, String)>,
}

impl Source {
    pub(super) fn new(path: &str, raw: &str) -> Self {
        let (code, literals) = if is_rust(path) { strip(raw) } else { (raw.to_owned(), Vec::new()) };
        let (code, tests) = without_tests(&code);
        let literals = literals.into_iter().filter(|(at, _)| !tests.iter().any(|range| range.contains(at)));
        let literals = literals.map(|(at, text)| (line_of(raw, at), text)).collect();
        Self { path: path.to_owned(), raw: raw.to_owned(), code: with_full_paths(&code), literals }
    }

    /// Whether the file is `below`, or that module as a file: `src/build/graph` stands for `graph.rs` and `graph/`.
    pub(super) fn is_in(&self, module: &str) -> bool {
        self.path.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest == ".rs" || rest.starts_with('/'))
    }

    pub(super) fn is_in_any(&self, modules: &[&str]) -> bool {
        modules.iter().any(|module| self.is_in(module))
    }

    pub(super) fn is_rust(&self) -> bool {
        is_rust(&self.path)
    }

    /// Every place of the code where one of the words stands by itself, as `line: word`.
    pub(super) fn places_of(&self, words: &[&str]) -> Vec<String> {
        places(&self.code, words)
    }
}

/// Every place of a text where one of the words stands by itself. A word's own first and last character decide
/// whether it may touch letters: `.unwrap(` may, `petgraph` may not.
pub(super) fn places(text: &str, words: &[&str]) -> Vec<String> {
    let name = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for word in words {
            let alone = line.match_indices(word).any(|(at, _)| {
                let before = name(word.chars().next()) && name(line[..at].chars().next_back());
                let after = name(word.chars().next_back()) && name(line[at + word.len()..].chars().next());
                !before && !after
            });
            if alone {
                found.push(format!("{}: `{word}`", number + 1));
            }
        }
    }
    found
}

fn is_rust(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, extension)| extension == "rs")
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// Blanks comments and the inside of literals; gives the string literals with their place.
fn strip(raw: &str) -> (String, Vec<(usize, String)>) {
    let bytes = raw.as_bytes();
    let mut code = raw.as_bytes().to_vec();
    let mut literals = Vec::new();
    let mut blank = |from: usize, to: usize| {
        for byte in &mut code[from..to.min(bytes.len())] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
    };
    let mut at = 0;
    while at < bytes.len() {
        let rest = &raw[at..];
        let in_name = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
        if rest.starts_with("//") {
            let end = rest.find('\n').map_or(bytes.len(), |length| at + length);
            blank(at, end);
            at = end;
        } else if rest.starts_with("/*") {
            let end = end_of_comment(rest) + at;
            blank(at, end);
            at = end;
        } else if let Some((inside, end)) = (!in_name).then(|| raw_string(rest)).flatten() {
            literals.push((at, rest[inside.clone()].to_owned()));
            blank(at + inside.start, at + inside.end);
            at += end;
        } else if rest.starts_with('"') {
            let end = at + end_of_string(rest);
            literals.push((at, raw[at + 1..end - 1].to_owned()));
            blank(at + 1, end - 1);
            at = end;
        } else if rest.starts_with('\'') {
            let end = at + end_of_char(rest);
            if end > at + 1 {
                blank(at + 1, end - 1);
            }
            at = end;
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    (String::from_utf8(code).expect("whole characters were blanked"), literals)
}

fn end_of_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The inside of a raw string and where the literal ends, if one begins here.
fn raw_string(text: &str) -> Option<(std::ops::Range<usize>, usize)> {
    let after = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let inside = after[hashes..].strip_prefix('"')?;
    let begin = text.len() - inside.len();
    let close = format!("\"{}", "#".repeat(hashes));
    let length = inside.find(&close)?;
    Some((begin..begin + length, begin + length + close.len()))
}

fn end_of_string(text: &str) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The end of a character literal; of a lifetime only the quote.
fn end_of_char(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    match (characters.next(), characters.next()) {
        (Some((_, '\\')), Some((after, _))) => text[after + 1..].find('\'').map_or(1, |length| after + 1 + length + 1),
        (Some(_), Some((close, '\''))) => close + 1,
        _ => 1,
    }
}

/// Blanks what `#[cfg(test)]` stands before, and says where that was.
fn without_tests(code: &str) -> (String, Vec<std::ops::Range<usize>>) {
    const MARK: &str = "#[cfg(test)]";
    let mut ranges: Vec<std::ops::Range<usize>> = Vec::new();
    let mut from = 0;
    while let Some(begin) = code[from..].find(MARK).map(|at| from + at) {
        let body = begin + MARK.len();
        let mut depth = 0_usize;
        let end = code[body..].char_indices().find(|(_, character)| {
            match character {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && matches!(character, '}' | ';')
        });
        from = end.map_or(code.len(), |(at, _)| body + at + 1);
        ranges.push(begin..from);
    }
    let blanked = code.char_indices().map(|(at, character)| {
        let test = character != '\n' && ranges.iter().any(|range| range.contains(&at));
        if test { ' ' } else { character }
    });
    (blanked.collect(), ranges)
}

/// Appends to the line where a `use` ends all its paths in full, since `use std::{env, fs}` names `std::fs` too.
fn with_full_paths(code: &str) -> String {
    let mut text = String::with_capacity(code.len());
    let mut statement: Option<String> = None;
    for line in code.lines() {
        text.push_str(line);
        let word = line.trim_start().trim_start_matches("pub ").trim_start_matches("pub(crate) ");
        if statement.is_none() && word.starts_with("use ") {
            statement = Some(String::new());
        }
        if let Some(tree) = &mut statement {
            tree.push_str(line.trim());
            if line.contains(';') {
                let tree = tree.split("use ").nth(1).unwrap_or_default().split(';').next().unwrap_or_default();
                for path in expand(tree) {
                    text.push_str(" ; ");
                    text.push_str(&path);
                }
                statement = None;
            }
        }
        text.push('\n');
    }
    text
}

/// All paths of a `use` tree: `a::{b, c::{self, d}}` is `a::b`, `a::c::self`, `a::c::d`.
fn expand(tree: &str) -> Vec<String> {
    let mut prefixes: Vec<String> = vec![String::new()];
    let mut current = String::new();
    let mut paths = Vec::new();
    for character in tree.chars().chain(std::iter::once(',')) {
        match character {
            '{' => {
                let outer = prefixes.last().cloned().unwrap_or_default();
                prefixes.push(outer + current.trim());
                current.clear();
            }
            ',' | '}' => {
                let name = current.trim();
                if !name.is_empty() {
                    paths.push(prefixes.last().cloned().unwrap_or_default() + name);
                }
                current.clear();
                if character == '}' {
                    prefixes.pop();
                }
            }
            other => current.push(other),
        }
    }
    paths
}

#[test]
fn comments_and_literals_are_no_code() {
    let source = Source::new(
        "src/a.rs",
        "// petgraph\nlet a = \"petgraph \\\" //\"; /* petgraph /* nested */ petgraph */ let b = br#\"pet\"graph\"#;\n\
         let c = '\"'; let d: &'static str = b(\"rayon\"); let e = '\\''; use_it(petgraph);\n",
    );
    assert_eq!(source.places_of(&["petgraph"]), ["3: `petgraph`"]);
    let literals: Vec<&str> = source.literals.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(literals, ["petgraph \\\" //", "pet\"graph", "rayon"]);
    assert_eq!(source.literals[2].0, 3);
}

#[test]
fn test_modules_are_no_code() {
    let source = Source::new(
        "src/a.rs",
        "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() { c.unwrap(); d(\"x\") }\n}\nfn e() { f.unwrap() }\n",
    );
    assert_eq!(source.places_of(&[".unwrap("]), ["6: `.unwrap(`"]);
    assert!(source.literals.is_empty());
}

#[test]
fn use_trees_are_named_in_full() {
    let source = Source::new("src/a.rs", "use std::{\n    env,\n    io::{self, Write},\n};\npub use a::b as c;\n");
    for path in ["std::env", "std::io::self", "std::io::Write", "a::b as c"] {
        assert_eq!(source.places_of(&[path]).len(), 1, "{path}");
    }
    assert_eq!(source.places_of(&["std::env"]), ["4: `std::env`"]);
}

#[test]
fn a_module_is_a_file_or_a_folder() {
    let is_in = |path: &str| Source::new(path, "").is_in("src/build/graph");
    assert!(is_in("src/build/graph.rs") && is_in("src/build/graph/order.rs"));
    assert!(!is_in("src/build/graphviz.rs") && !is_in("src/graph.rs"));
}
