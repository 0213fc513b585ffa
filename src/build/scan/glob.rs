//! Patterns for directories, as PHP's `glob` reads them for Symfony's Finder.

use std::path::Path;

use super::files::MOST;

/// The directories below `tree` that match, ordered by their bytes; `None` when there are too many.
///
/// `*`, `?`, `[…]` (also `[!…]`, `[^…]`) match within one part of the path and never a leading dot; `{a,b}` stands
/// for either; `\` takes the next character as it is. Character classes such as `[:alpha:]` are not known.
pub(super) fn directories(tree: &Path, pattern: &str) -> Option<Vec<String>> {
    let mut found = Vec::new();
    for pattern in alternatives(pattern)? {
        let mut paths = vec![String::new()];
        for part in pattern.split('/') {
            let mut next = Vec::new();
            for path in &paths {
                if part.contains(['*', '?', '[', '\\']) {
                    next.extend(
                        names(&tree.join(path)).filter(|name| matches(part, name)).map(|name| join(path, &name)),
                    );
                } else {
                    next.push(join(path, part));
                }
                if next.len() > MOST {
                    return None;
                }
            }
            paths = next;
        }
        found.extend(paths.into_iter().filter(|path| tree.join(path).is_dir()));
    }
    found.sort();
    found.dedup();
    Some(found)
}

/// `name` in the directory `path`, where the tree itself is the empty text.
pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") }
}

fn names(directory: &Path) -> impl Iterator<Item = String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok())
}

/// The patterns for which one with braces stands; `None` when they are too many.
fn alternatives(pattern: &str) -> Option<Vec<String>> {
    const MOST: usize = 1000;
    let mut done = Vec::new();
    let mut open = vec![pattern.to_owned()];
    while let Some(pattern) = open.pop() {
        match braces(&pattern) {
            None => done.push(pattern),
            Some((start, commas, end)) => {
                let ends = commas.iter().copied().chain([end]);
                let starts = [start].into_iter().chain(commas.iter().copied());
                for (from, to) in starts.zip(ends) {
                    open.push(format!("{}{}{}", &pattern[..start], &pattern[from + 1..to], &pattern[end + 1..]));
                }
            }
        }
        if done.len() + open.len() > MOST {
            return None;
        }
    }
    Some(done)
}

/// The first pair of braces: where it begins, its commas outside inner pairs, where it ends. `{}` is text.
fn braces(pattern: &str) -> Option<(usize, Vec<usize>, usize)> {
    let bytes = pattern.as_bytes();
    let start = (0..bytes.len())
        .find(|&at| bytes[at] == b'{' && bytes.get(at + 1) != Some(&b'}') && (at == 0 || bytes[at - 1] != b'\\'))?;
    let (mut depth, mut commas) = (0usize, Vec::new());
    for (at, byte) in bytes.iter().enumerate().skip(start) {
        match byte {
            b'{' => depth += 1,
            b',' if depth == 1 => commas.push(at),
            b'}' if depth == 1 => return Some((start, commas, at)),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Whether one part of a path matches; backs up to the last `*` only, so the time is bounded by the product of the
/// lengths.
fn matches(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    let (mut pattern, mut name) = (pattern, name);
    let mut last_star: Option<(&str, &str)> = None;
    loop {
        if let Some(rest) = pattern.strip_prefix('*') {
            last_star = Some((rest, name));
            pattern = rest;
            continue;
        }
        let step = match (name.chars().next(), pattern.is_empty()) {
            (None, true) => return true,
            (Some(character), false) => one(pattern, character).map(|rest| (rest, &name[character.len_utf8()..])),
            _ => None,
        };
        (pattern, name) = match (step, last_star) {
            (Some(step), _) => step,
            (None, Some((behind, from))) => {
                let Some(character) = from.chars().next() else { return false };
                let from = &from[character.len_utf8()..];
                last_star = Some((behind, from));
                (behind, from)
            }
            (None, None) => return false,
        };
    }
}

/// The pattern behind its first element, if that matches the character.
fn one(pattern: &str, character: char) -> Option<&str> {
    let mut rest = pattern.chars();
    match rest.next()? {
        '?' => Some(rest.as_str()),
        '[' => match set(rest.as_str(), character) {
            Some((true, rest)) => Some(rest),
            Some((false, _)) => None,
            None => (character == '[').then_some(rest.as_str()),
        },
        '\\' => {
            let literal = rest.next().unwrap_or('\\');
            (literal == character).then_some(rest.as_str())
        }
        literal => (literal == character).then_some(rest.as_str()),
    }
}

/// Whether the set that begins here holds the character, and what follows it; `None` when it is not closed.
fn set(pattern: &str, character: char) -> Option<(bool, &str)> {
    let negated = pattern.starts_with(['!', '^']);
    let mut rest = pattern[usize::from(negated)..].chars();
    let mut held = false;
    let mut first = true;
    loop {
        let mut low = rest.next()?;
        if low == ']' && !first {
            return Some((held != negated, rest.as_str()));
        }
        first = false;
        if low == '\\' {
            low = rest.next()?;
        }
        let mut ahead = rest.clone();
        let mut high = low;
        if ahead.next() == Some('-') && !ahead.as_str().starts_with(']') {
            high = ahead.next()?;
            rest = ahead;
        }
        held |= (low..=high).contains(&character);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_match_as_in_a_shell() {
        for (pattern, name, expected) in [
            ("*", "src", true),
            ("*", ".git", false),
            (".*", ".git", true),
            ("s*c", "src", true),
            ("s*c", "srcs", false),
            ("*a*b", "xaxbxab", true),
            ("?rc", "src", true),
            ("?", "é", true),
            ("[a-s]rc", "src", true),
            ("[!a-s]rc", "src", false),
            ("[]x]rc", "]rc", true),
            ("[x", "[x", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("**", "", true),
            ("a*", "", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        assert!(!matches(&format!("{}b", "a*".repeat(200)), &"a".repeat(255)));
    }

    #[test]
    fn braces_stand_for_alternatives() {
        let mut all = alternatives("a{b,c{d,e},}f{}").unwrap();
        all.sort();
        assert_eq!(all, ["abf{}", "acdf{}", "acef{}", "af{}"]);
        assert_eq!(alternatives("a{b").unwrap(), ["a{b"]);
        assert_eq!(alternatives(&"{a,b}".repeat(40)), None);
    }

    #[test]
    fn only_directories_are_found_links_included() {
        let tree = tempfile::tempdir().unwrap();
        for directory in ["p/a/src", "p/b/src", "p/.c/src", "p/d/lib"] {
            std::fs::create_dir_all(tree.path().join(directory)).unwrap();
        }
        std::fs::write(tree.path().join("p/e"), "").unwrap();
        std::os::unix::fs::symlink("a", tree.path().join("p/l")).unwrap();
        assert_eq!(directories(tree.path(), "p/*/src").unwrap(), ["p/a/src", "p/b/src", "p/l/src"]);
        assert_eq!(directories(tree.path(), "p/*").unwrap(), ["p/a", "p/b", "p/d", "p/l"]);
        assert_eq!(directories(tree.path(), "p/{d,b}/*").unwrap(), ["p/b/src", "p/d/lib"]);
        assert_eq!(directories(tree.path(), "q/*").unwrap(), [""; 0]);
    }
}
