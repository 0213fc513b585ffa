//! The formats, by tables; what each refuses; and that no bytes make one panic.

mod formats;
mod php;
mod sources;
mod yaml;

use std::path::Path;

use super::*;
use crate::config::value::{Key, Text, Value};

/// A directory with files.
fn directory(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    directory
}

fn sources(directory: &Path) -> Sources {
    Sources::new(directory, Path::new("php"))
}

/// Reads one file of this name and content.
fn read(name: &str, content: impl AsRef<[u8]>) -> Result<Node, Box<Finding>> {
    let directory = directory(&[(name, content.as_ref())]);
    sources(directory.path()).read(name).map(|document| document.root.clone())
}

/// What is wrong with a file: `place: field: message (hint)`.
fn refused(name: &str, content: impl AsRef<[u8]>) -> String {
    let directory = directory(&[(name, content.as_ref())]);
    let mut sources = sources(directory.path());
    let finding = sources.read(name).expect_err("it is read");
    told(&sources, &finding)
}

fn told(sources: &Sources, finding: &Finding) -> String {
    let hint = finding.hint.as_ref().map_or(String::new(), |hint| format!(" ({hint})"));
    format!("{}: {}: {}{hint}", finding.location(sources), finding.field, finding.message)
}

fn node(value: Value) -> Node {
    Node { value, mark: crate::config::value::Mark { file: FileId(0), line: 0 } }
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn float(number: f64, text: &str) -> Value {
    Value::Float(number, text.into())
}

fn list(items: impl IntoIterator<Item = Value>) -> Value {
    Value::List(items.into_iter().map(node).collect())
}

/// A map of keys as PHP has them.
fn map<'k>(pairs: impl IntoIterator<Item = (&'k str, Value)>) -> Value {
    Value::Map(pairs.into_iter().map(|(key, value)| (Key::of(key.as_bytes()), node(value))).collect())
}

/// Whether values are the same, texts of floats and lines aside.
#[track_caller]
fn same(read: &Node, expected: &Value) {
    assert_eq!(read.value, *expected);
}

/// The lines of all values, in order, those of a list or map before what is in it.
fn lines(node: &Node) -> Vec<u32> {
    let mut lines = vec![node.mark.line];
    match &node.value {
        Value::List(items) => lines.extend(items.iter().flat_map(self::lines)),
        Value::Map(pairs) => lines.extend(pairs.iter().flat_map(|(_, node)| self::lines(node))),
        _ => {}
    }
    lines
}
