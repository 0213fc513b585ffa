//! Which classes of a file a PSR-4 or PSR-0 rule may load, as Composer's `filterByNamespace` decides.

use super::{ClassName, ScannedFile};

/// The classes of a file that PSR-4 would look for there, by a rule from `prefix` to `directory`, under which the
/// file was found.
///
/// As in Composer, the prefix is cut off by its length only: any class whose remaining name fits is valid.
#[must_use]
pub fn psr4_classes<'f>(prefix: &str, directory: &str, file: &'f ScannedFile) -> Vec<&'f ClassName> {
    let expected = sub_path(directory, &file.path);
    valid(file, |class| {
        let name = class.get(prefix.len()..).unwrap_or_default();
        name.iter().map(|&byte| if byte == b'\\' { b'/' } else { byte }).eq(expected.iter().copied())
    })
}

/// The classes of a file that PSR-0 would look for there, by a rule with that directory, under which the file was
/// found. The prefix of the rule plays no part.
#[must_use]
pub fn psr0_classes<'f>(directory: &str, file: &'f ScannedFile) -> Vec<&'f ClassName> {
    let expected = sub_path(directory, &file.path);
    valid(file, |class| {
        let short = class.iter().rposition(|&byte| byte == b'\\').map_or(0, |last| last + 1);
        let path = class.iter().enumerate().map(|(at, &byte)| match byte {
            b'\\' => b'/',
            b'_' if at >= short => b'/',
            _ => byte,
        });
        path.eq(expected.iter().copied())
    })
}

fn valid(file: &ScannedFile, fits: impl Fn(&[u8]) -> bool) -> Vec<&ClassName> {
    file.classes.iter().filter(|class| fits(class.as_bytes())).collect()
}

/// The path behind the directory and its `/`, without what follows its last dot.
fn sub_path<'f>(directory: &str, path: &'f str) -> &'f [u8] {
    let from = if directory.is_empty() { 0 } else { directory.len() + 1 };
    let path = path.as_bytes().get(from..).unwrap_or_default();
    &path[..path.iter().rposition(|&byte| byte == b'.').unwrap_or(path.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, classes: &[&str]) -> ScannedFile {
        let classes = classes.iter().map(|name| ClassName::new(name.as_bytes()).unwrap()).collect();
        ScannedFile { path: path.to_owned(), real: None, classes }
    }

    fn names(classes: Vec<&ClassName>) -> Vec<String> {
        classes.into_iter().map(|class| class.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn psr4_wants_the_rest_of_the_name_in_the_path() {
        let found = file("lib/src/Sub/Foo.php", &["Acme\\Sub\\Foo", "Acme\\Foo", "Acme\\Sub\\foo", "Foo"]);
        assert_eq!(names(psr4_classes("Acme\\", "lib/src", &found)), ["Acme\\Sub\\Foo"]);
        assert_eq!(names(psr4_classes("", "lib/src/Sub", &found)), ["Foo"]);
    }

    #[test]
    fn psr4_cuts_the_prefix_by_its_length_only() {
        let found = file("src/Foo.php", &["Other\\Foo", "Longer\\\\Foo", "Foo"]);
        assert_eq!(names(psr4_classes("Acmes\\", "src", &found)), ["Other\\Foo"]);
        assert_eq!(names(psr4_classes("A\\Very\\Long\\", "src", &found)), [""; 0]);
    }

    #[test]
    fn the_tree_itself_may_be_the_directory() {
        assert_eq!(names(psr4_classes("A\\", "", &file("B/C.php", &["A\\B\\C"]))), ["A\\B\\C"]);
        assert_eq!(names(psr0_classes("", &file("B/C.php", &["B_C"]))), ["B_C"]);
    }

    #[test]
    fn psr0_turns_underscores_of_the_short_name_into_directories() {
        let found = file("lib/A_B/C/D.php", &["A_B\\C_D", "A\\B\\C_D", "A_B_C_D", "A_B\\C\\D"]);
        assert_eq!(names(psr0_classes("lib", &found)), ["A_B\\C_D", "A_B\\C\\D"]);
    }

    #[test]
    fn the_last_dot_ends_the_name() {
        assert_eq!(names(psr4_classes("", "src", &file("src/Foo.class.php", &["Foo"]))), [""; 0]);
    }
}
