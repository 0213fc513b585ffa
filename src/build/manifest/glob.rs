//! PHP's `glob()`, as the merge plugin calls it.

use std::path::Path;

use crate::build::glob::paths;

/// How many paths may match so far in each part of a pattern: with links that lead back, there would be no end of them.
pub(super) const MOST: usize = 20_000;

/// The existing paths below `tree` that match, spelled as the pattern is, in the order of their bytes; `None` when
/// there are more than [`MOST`].
pub(super) fn glob(tree: &Path, pattern: &str) -> Option<Vec<String>> {
    let mut found = paths(tree, pattern, MOST)?;
    found.retain(|path| !path.is_empty() && tree.join(path).exists());
    found.sort_unstable();
    Some(found)
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
        let found = |pattern| glob(tree.path(), pattern).expect("few");
        assert_eq!(found("extensions/*/composer.json"), ["extensions/A-b/composer.json", "extensions/A/composer.json"]);
        assert_eq!(found("./x"), ["./x"]);
        assert_eq!(found("none.json"), Vec::<String>::new());
        assert_eq!(found("extensions/[A]/*.json"), ["extensions/A/composer.json"]);
        assert_eq!(found("{x,y}"), Vec::<String>::new());
        assert_eq!(found(""), Vec::<String>::new());
        for name in 0..10 {
            std::os::unix::fs::symlink(".", tree.path().join(format!("loop{name}"))).expect("linked");
        }
        assert_eq!(glob(tree.path(), "*/*/*/*/*/*/x"), None);
    }
}
