//! PHP's `glob()` without flags, as the merge plugin calls it.

use std::fs;
use std::path::Path;

/// The paths below `tree` that match, spelled as the pattern is, in the order of their bytes. `*`, `?` and `[…]`
/// match within one part and not a leading dot; `\` takes the next character as it is; braces mean themselves.
pub(super) fn glob(tree: &Path, pattern: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    for (index, part) in pattern.split('/').enumerate() {
        let slash = if index == 0 { "" } else { "/" };
        let mut next = Vec::new();
        for parent in found {
            let prefix = format!("{parent}{slash}");
            if !has_wildcard(part) {
                next.push(format!("{prefix}{}", unescape(part)));
                continue;
            }
            let Ok(entries) = fs::read_dir(tree.join(&prefix)) else { continue };
            for name in entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
                if (!name.starts_with('.') || part.starts_with('.')) && matches(part, &name) {
                    next.push(format!("{prefix}{name}"));
                }
            }
        }
        found = next;
    }
    found.retain(|path| !path.is_empty() && tree.join(path).exists());
    found.sort_unstable();
    found
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

/// Whether a name matches one part of a pattern. Goes back to the last star only, so it needs at most the product
/// of both lengths.
fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        if pattern.get(p) == Some(&'*') {
            star = Some((p, n));
            p += 1;
            continue;
        }
        if let Some(length) = matches_one(&pattern[p..], name[n]) {
            p += length;
            n += 1;
            continue;
        }
        let Some((star_p, star_n)) = star else { return false };
        star = Some((star_p, star_n + 1));
        p = star_p + 1;
        n = star_n + 1;
    }
    pattern[p..].iter().all(|character| *character == '*')
}

/// How many characters of the pattern match this one character.
fn matches_one(pattern: &[char], character: char) -> Option<usize> {
    match pattern {
        ['?', ..] => Some(1),
        ['\\', next, ..] => (*next == character).then_some(2),
        ['[', rest @ ..] => match bracket(rest, character) {
            Some((true, length)) => Some(length + 1),
            Some((false, _)) => None,
            // Without its closing bracket it means itself.
            None => (character == '[').then_some(1),
        },
        [first, ..] => (*first == character).then_some(1),
        [] => None,
    }
}

/// Whether a character is of a class, given behind its `[`, and how long the class is; `None` when it does not end.
fn bracket(class: &[char], character: char) -> Option<(bool, usize)> {
    let negated = matches!(class.first(), Some('!' | '^'));
    let mut at = usize::from(negated);
    let mut found = false;
    let mut first = true;
    loop {
        let mut low = *class.get(at)?;
        if low == ']' && !first {
            return Some((found != negated, at + 1));
        }
        first = false;
        if low == '\\' {
            at += 1;
            low = *class.get(at)?;
        }
        at += 1;
        let mut high = low;
        if class.get(at) == Some(&'-') && class.get(at + 1).is_some_and(|next| *next != ']') {
            high = class[at + 1];
            at += 2;
        }
        found |= (low..=high).contains(&character);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_match_as_in_the_c_library() {
        for (pattern, name, expected) in [
            ("*", "Cite", true),
            ("C*e", "Cite", true),
            ("C*e", "Cites", false),
            ("**e*", "Cite", true),
            ("?ite", "Cite", true),
            ("?", "", false),
            ("[A-C]ite", "Cite", true),
            ("[!A-C]ite", "Cite", false),
            ("[^x]ite", "Cite", true),
            ("[]x]", "]", true),
            ("[x", "[x", true),
            ("[a-]", "-", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("a*b*c", "a-b-b-c", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_hostile_pattern_ends_soon() {
        assert!(!matches(&"*a".repeat(200), &"a".repeat(150)));
        assert!(!matches(&format!("{}b", "*a".repeat(100)), &"a".repeat(4000)));
    }

    #[test]
    fn whole_paths_are_sorted_by_bytes() {
        let tree = tempfile::tempdir().expect("a directory");
        for file in ["extensions/A/composer.json", "extensions/A-b/composer.json", "extensions/.h/composer.json", "x"] {
            let path = tree.path().join(file);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, "{}").expect("written");
        }
        let found = |pattern| glob(tree.path(), pattern);
        assert_eq!(found("extensions/*/composer.json"), ["extensions/A-b/composer.json", "extensions/A/composer.json"]);
        assert_eq!(found("./x"), ["./x"]);
        assert_eq!(found("none.json"), Vec::<String>::new());
        assert_eq!(found("extensions/[A]/*.json"), ["extensions/A/composer.json"]);
        assert_eq!(found("{x,y}"), Vec::<String>::new());
        assert_eq!(found(""), Vec::<String>::new());
    }
}
