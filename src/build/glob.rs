//! PHP's `glob()` without flags: of the merge plugin's patterns, and under Symfony's Finder.

use std::fs;
use std::path::Path;

/// The paths below `tree` that match, spelled as the pattern is, in no order; `None` when there are more than `most`.
/// A path without wildcards is given whether it exists or not.
///
/// `*`, `?`, `[…]` (also `[!…]`, `[^…]`) match within one part of the path and not a leading dot; `\` takes the next
/// character as it is; braces mean themselves. Character classes such as `[:alpha:]` are not known.
pub(super) fn paths(tree: &Path, pattern: &str, most: usize) -> Option<Vec<String>> {
    let mut found = vec![String::new()];
    for (index, part) in pattern.split('/').enumerate() {
        let slash = if index == 0 { "" } else { "/" };
        let mut next = Vec::new();
        for parent in found {
            let prefix = format!("{parent}{slash}");
            if has_wildcard(part) {
                let entries = fs::read_dir(tree.join(&prefix)).into_iter().flatten().flatten();
                let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
                next.extend(names.filter(|name| matches(part, name)).map(|name| format!("{prefix}{name}")));
            } else {
                next.push(format!("{prefix}{}", unescape(part)));
            }
            if next.len() > most {
                return None;
            }
        }
        found = next;
    }
    Some(found)
}

fn has_wildcard(part: &str) -> bool {
    let mut characters = part.chars();
    while let Some(character) = characters.next() {
        match character {
            '*' | '?' | '[' => return true,
            '\\' => drop(characters.next()),
            _ => {}
        }
    }
    false
}

fn unescape(part: &str) -> String {
    let mut text = String::with_capacity(part.len());
    let mut characters = part.chars();
    while let Some(character) = characters.next() {
        text.push(if character == '\\' { characters.next().unwrap_or('\\') } else { character });
    }
    text
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
            ("[^x]ite", "Cite", true),
            ("[a-]", "-", true),
            ("a*b*c", "a-b-b-c", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        assert!(!matches(&format!("{}b", "a*".repeat(200)), &"a".repeat(255)));
    }
}
