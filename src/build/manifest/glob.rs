//! PHP's `glob()`, as the merge plugin calls it.

use std::path::Path;

use crate::build::glob::paths;

/// The existing paths below `tree` that match, spelled as the pattern is, in the order of their bytes.
pub(super) fn glob(tree: &Path, pattern: &str) -> Vec<String> {
    let mut found = paths(tree, pattern, usize::MAX).unwrap_or_default();
    found.retain(|path| !path.is_empty() && tree.join(path).exists());
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

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
