//! The classes of one PHP file, exactly as Composer's `PhpFileParser` lists them.

use super::class_name::ClassName;
use super::clean::clean;
use super::declarations::{Candidates, candidates, declarations, last_candidate};
use super::strip::strip;

/// A file of which PHP's lexer leaves nothing, although it is not empty: one that is nothing but a `#!` line.
/// Composer gives up on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("PHP finds nothing in the file but a `#!` line")]
pub struct Unparsable;

/// The names of the classes, interfaces, traits and enums that Composer finds in a file of these bytes, in order.
///
/// What Composer's scanner gets wrong is wrong here too: it knows no backticks and no `__halt_compiler`, takes text
/// behind a `<?` for code, and misses declarations behind strings such as `"{$a["b"]}"`.
pub fn find_classes(contents: &[u8]) -> Result<Vec<ClassName>, Unparsable> {
    Parser::default().find_classes(contents)
}

/// Keeps the memory that parsing needs from file to file.
#[derive(Default)]
pub(super) struct Parser {
    code: Vec<u8>,
    cleaned: Vec<u8>,
}

impl Parser {
    /// See [`find_classes`].
    pub(super) fn find_classes(&mut self, contents: &[u8]) -> Result<Vec<ClassName>, Unparsable> {
        // Most of a file usually comes behind its last declaration, and cannot matter.
        let enough = match last_candidate(contents) {
            Some(enough) => enough,
            None if !contents.starts_with(b"#!") => return Ok(Vec::new()),
            None => contents.len(),
        };
        match self.read(contents, enough) {
            Some(classes) => classes,
            None => self.read(contents, usize::MAX).unwrap_or(Ok(Vec::new())),
        }
    }

    /// Reads the contents at least up to `enough`; `None` when it has to be further.
    fn read(&mut self, contents: &[u8], enough: usize) -> Option<Result<Vec<ClassName>, Unparsable>> {
        self.code.clear();
        let part = strip(contents, enough, &mut self.code);
        if self.code.is_empty() && !contents.is_empty() {
            return Some(Err(Unparsable));
        }
        let only = match candidates(&self.code) {
            Candidates::None if !joins_words(&self.code) => return Some(Ok(Vec::new())),
            Candidates::One(at) => Some(at),
            Candidates::None | Candidates::Many => None,
        };
        self.cleaned.clear();
        let certain = clean(&self.code, only, &mut self.cleaned);
        (certain || !part).then(|| Ok(declarations(&self.cleaned)))
    }
}

/// Whether the cleaner may make a keyword by taking a comment out of a word.
fn joins_words(code: &[u8]) -> bool {
    memchr::memchr_iter(b'/', code)
        .any(|at| at > 0 && code[at - 1].is_ascii_alphabetic() && matches!(code.get(at + 1), Some(b'/' | b'*')))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn classes(contents: impl AsRef<[u8]>) -> Vec<String> {
        let names = find_classes(contents.as_ref()).unwrap();
        names.iter().map(|name| name.as_bytes().escape_ascii().to_string().replace(r"\\", r"\")).collect()
    }

    /// Each `fixtures/scan/NAME.php` holds the classes that `NAME.classes` lists, one a line, as bytes.
    #[test]
    fn fixtures() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/scan");
        let mut count = 0;
        for entry in std::fs::read_dir(directory).unwrap() {
            let file = entry.unwrap().path();
            if file.extension().is_some_and(|extension| extension == "php") {
                let found = find_classes(&std::fs::read(&file).unwrap()).unwrap();
                let found = found.iter().flat_map(|name| [name.as_bytes(), b"\n"].concat()).collect::<Vec<_>>();
                let expected = std::fs::read(file.with_extension("classes")).unwrap();
                assert_eq!(found.escape_ascii().to_string(), expected.escape_ascii().to_string(), "{}", file.display());
                count += 1;
            }
        }
        assert!(count >= 30, "only {count} fixtures");
    }

    #[test]
    fn keywords_in_any_case_and_shape() {
        for (contents, expected) in [
            ("<?php enum Foo: int {}", &["Foo"][..]),
            ("<?php enum Foo:int {}", &["Foo"]),
            ("<?php enum Foo:: int {}", &["Foo:"]),
            ("<?php class Foo:bar {}", &["Foo:bar"]),
            ("<?php class Foo-bar {}", &["Foo-bar"]),
            ("<?php class : {}", &["xhp_"]),
            ("<?php cLaSs\u{c}Foo {}", &["Foo"]),
            ("<?php class 5 {}", &[]),
            ("<?php class Extends {}", &["Extends"]),
            ("<?php $class Foo; \\class Foo; :class Foo; >class Foo;", &[]),
            ("<?php é class Foo;éclass Bar;", &["Foo", "Bar"]),
            ("<?php namespace \u{b}A; class B {}", &[r"\x0bA\B"]),
            ("<?php namespace A\\ ; class B {}", &["B"]),
            ("<?php namespace; class B {}", &["B"]),
        ] {
            assert_eq!(classes(contents), expected, "{contents}");
        }
    }

    #[test]
    fn tags_and_what_is_outside() {
        for (contents, expected) in [
            ("class A {}", &[][..]),
            ("<?phpx class A {}", &["A"]),
            ("<?php", &[]),
            ("<?=class A {}", &["A"]),
            ("<? class A {} /* it's */ class B {}", &["A", "B"]),
            ("<?php ?>class A {}<?php class B {} ?>\nclass C", &["B"]),
            ("<?php // ?>class A {}<?= class B {}", &["B"]),
            ("\u{feff}<?php class A {}", &["A"]),
            ("#! <?php class A {}\n<?php class B {}", &["B"]),
        ] {
            assert_eq!(classes(contents), expected, "{contents}");
        }
    }

    #[test]
    fn yield_from_is_one_token_with_all_that_it_holds() {
        // The cleaner takes `//` in backticks for a comment; only a line break that PHP's lexer leaves ends it.
        assert_eq!(classes("<?php `//`; yield\nfrom f(); class A {}"), ["A"]);
        assert_eq!(classes("<?php `//`; $yield\nfrom; class A {}"), [""; 0]);
        assert_eq!(classes("<?php `//`; $a->yield\nfrom; class A {}"), [""; 0]);
        assert_eq!(classes("<?php yield # class A\n from f();"), ["A"]);
        assert_eq!(classes("<?php yield # class A\n fro;"), [""; 0]);
    }

    #[test]
    fn the_only_keyword_is_read_where_the_cleaner_comes_by() {
        // With a second keyword, the string before becomes `null`, which sticks to the word.
        assert_eq!(classes("<?php 'x'class A {}"), ["A"]);
        assert_eq!(classes("<?php 'x'class A {} class B {}"), ["B"]);
        assert_eq!(classes("<?php class A'x'"), ["A"]);
        assert_eq!(classes("<?php class A'x'; 'class B'"), ["Anull"]);
        assert_eq!(classes("<?php 'x'CLASS A {}"), [""; 0]);
    }

    #[test]
    fn a_hash_line_alone_cannot_be_parsed() {
        for contents in ["#!", "#!/bin/sh", "#!/bin/sh\n", "#!\r<?php class A {}"] {
            assert_eq!(find_classes(contents.as_bytes()), Err(Unparsable), "{contents:?}");
        }
        for contents in ["", "#!\n\n", " #!", "#"] {
            assert_eq!(find_classes(contents.as_bytes()), Ok(Vec::new()), "{contents:?}");
        }
    }

    #[test]
    fn nothing_behind_the_last_declaration_is_needed_to_read_it() {
        for (contents, expected) in [
            ("<?php\nclass\n// class\n/* x */\n\n  A\n{\n}\n$x = 1;\n", &["A"][..]),
            ("<?php\n$x = \"{$y[\"a\nb\nclass A {}\n\"]}\";\nclass B\n{\n}\n\"\n'\n", &["A", "B"]),
            ("<?php\nclass \"{$a[\n\"b\"]}\";\n", &["nullbnull"]),
            ("<?php\n`class // {$x\n\n}\n A`;\n", &["A"]),
            ("<?php\n`class /* {$x */\n\nA}`;\n", &["A"]),
            ("<?php\n`\nclass A\n/*\nclass B\n*/ { //\n`;\n", &["A"]),
            ("<?php\ncla//\nss A {}\ncla/*\n*/ss\nB {}\n$x;\n", &["B"]),
        ] {
            assert_eq!(classes(contents), expected, "{contents}");
            let longer = format!("{contents}\n'\"`<<<X\n");
            assert_eq!(classes(&longer), expected, "{longer}");
        }
    }

    #[test]
    fn the_time_is_linear() {
        let label = format!("<<<{}\n", "A".repeat(1 << 10));
        let storm = [
            "'",
            "\"",
            "\\",
            "`",
            "\"{$",
            "\"${",
            "`{$a",
            "\"$a[",
            "\"$a[\"",
            "<<<A\n",
            "<<<A",
            "<<<'A'\n",
            "<<< ",
            &label,
            "<<<A\nA;",
            "{$<<<A\n",
            "/*",
            "*/",
            "/**/",
            "//",
            "//\n",
            "#",
            "#\n",
            "#[",
            "(",
            "[",
            "{",
            "}",
            "?",
            "?>",
            "<?",
            "<",
            "<?php ",
            "<?php ?>",
            "-",
            "->",
            "->#[",
            "yield ",
            "yield\n",
            "yield #\n",
            "yield #\n#\n",
            "yield // ?><?php ",
            "yield /*",
            "yield /**/",
            "class",
            "class ",
            "class\n",
            "class\n//\n",
            "class /**/\t/**/\n",
            "class:",
            "class \u{e9}",
            "a/*",
            "enum A:",
            "namespace ",
            "namespace a\\",
            "namespace a \\ ",
            "namespace\u{e9}",
            " ",
            "\t\n",
            "\r\n",
            "\0",
            "\u{e9}",
        ];
        for part in storm {
            for (before, after) in
                [("<?php ", ""), ("<?php ", " class X {}"), ("<?php class A `it's", "\nclass X {}\n\n")]
            {
                let contents = format!("{before}{}{after}", part.repeat((1 << 18) / part.len()));
                // A millisecond each in a release. Were the time that of all pairs of bytes, this would take hours.
                let _ = find_classes(contents.as_bytes());
            }
        }
    }
}
