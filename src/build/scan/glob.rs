//! Patterns for directories, as PHP's `glob` with braces reads them for Symfony's Finder.

use std::path::Path;

use crate::build::glob::paths;

/// How many paths may match so far in each part of a pattern: with links that lead back, there would be no end of them.
pub(super) const MOST: usize = 20_000;

/// The directories below `tree` that match, ordered by their bytes; `None` when there are too many. `{a,b}` stands
/// for either.
pub(super) fn directories(tree: &Path, pattern: &str) -> Option<Vec<String>> {
    let mut found = Vec::new();
    for pattern in alternatives(pattern)? {
        found.extend(paths(tree, &pattern, MOST)?.into_iter().filter(|path| tree.join(path).is_dir()));
    }
    found.sort();
    found.dedup();
    Some(found)
}

/// `name` in the directory `path`, where the tree itself is the empty text.
pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") }
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

#[cfg(test)]
mod tests {
    use super::*;

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
