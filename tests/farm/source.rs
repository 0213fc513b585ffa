//! PHP files of packages, extensions and the root, and what they declare.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What every generated file does when it runs: it tells its path, the variables it sees, and whether it has a
/// `$this` and the scope of which class, so that order and scope of each inclusion can be compared.
const TELL: &str = "[__FILE__, array_keys(get_defined_vars()), [isset($this), \
                    (new \\ReflectionFunction(static function () {}))->getClosureScopeClass()]];";

/// The files below one directory, with the names they declare.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources {
    /// Text by path.
    pub(crate) files: BTreeMap<String, String>,
    /// Fully qualified class names with the path of the file that declares each.
    pub(crate) classes: Vec<(String, String)>,
    /// Names of global functions.
    pub(crate) functions: Vec<String>,
}

impl Sources {
    /// Adds a file of any text.
    pub(crate) fn text(&mut self, path: &str, text: &str) {
        self.files.insert(path.to_owned(), text.to_owned());
    }

    /// Adds a file that declares one class.
    pub(crate) fn class(&mut self, path: &str, class: &str) {
        self.declare(path, "class", class, "");
    }

    /// Adds a file that declares one `kind` (class, interface, trait, enum), with `tail` after its name
    /// (` extends \Other\Thing`).
    pub(crate) fn declare(&mut self, path: &str, kind: &str, class: &str, tail: &str) {
        let (namespace, short) = class.rsplit_once('\\').unwrap_or(("", class));
        let mut text = String::from("<?php\n");
        if !namespace.is_empty() {
            let _ = writeln!(text, "namespace {namespace};\n");
        }
        let _ = writeln!(text, "$GLOBALS['loaded'][] = {TELL}\n\n{kind} {short}{tail}\n{{\n}}");
        self.files.insert(path.to_owned(), text);
        self.classes.push((class.to_owned(), path.to_owned()));
    }

    /// Adds a file that declares several classes in several namespaces.
    pub(crate) fn several(&mut self, path: &str, classes: &[&str]) {
        let mut text = String::from("<?php\n");
        for (index, class) in classes.iter().enumerate() {
            let (namespace, short) = class.rsplit_once('\\').unwrap_or(("", class));
            let space = if namespace.is_empty() { String::new() } else { format!("{namespace} ") };
            let tell = if index == 0 { format!("    $GLOBALS['loaded'][] = {TELL}\n") } else { String::new() };
            let _ = writeln!(text, "namespace {space}{{\n{tell}    final class {short} {{}}\n}}");
            self.classes.push(((*class).to_owned(), path.to_owned()));
        }
        self.files.insert(path.to_owned(), text);
    }

    /// Adds a file for an autoload rule `files`: it leaves its trace and defines `functions` unless they exist.
    pub(crate) fn loaded_always(&mut self, path: &str, functions: &[&str]) {
        self.loaded_always_with(path, functions, "");
    }

    /// The same, with more PHP at the end.
    pub(crate) fn loaded_always_with(&mut self, path: &str, functions: &[&str], more: &str) {
        let mut text = format!("<?php\n$GLOBALS['trace'][] = {TELL}\n");
        for function in functions {
            let _ = writeln!(
                text,
                "if (!function_exists('{function}')) {{\n    function {function}() {{ return __FILE__; }}\n}}"
            );
            self.functions.push((*function).to_owned());
        }
        text.push_str(more);
        self.files.insert(path.to_owned(), text);
    }
}
