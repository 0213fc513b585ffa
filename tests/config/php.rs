//! One PHP process per comparison, which gets all cases at once, in PHP's own serialization.

use std::fs;
use std::path::Path;
use std::process::Command;

use mwfarm::config::value::{Key, Node, Value};

/// Writes a value as PHP's `serialize` does. Nothing of the printer under test has a part in it.
pub(super) fn serialize(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend(b"N;"),
        Value::Bool(value) => out.extend(format!("b:{};", u8::from(*value)).bytes()),
        Value::Int(number) => out.extend(format!("i:{number};").bytes()),
        Value::Float(number, _) if number.is_nan() => out.extend(b"d:NAN;"),
        Value::Float(number, _) if number.is_infinite() => {
            out.extend(if *number > 0.0 { &b"d:INF;"[..] } else { b"d:-INF;" });
        }
        // 17 digits behind the point are more than any float needs.
        Value::Float(number, _) => out.extend(format!("d:{number:.17e};").bytes()),
        Value::Text(text) => serialize_text(text.as_bytes(), out),
        Value::List(items) => {
            let pairs: Vec<_> = (0..).map(Key::Int).zip(items).collect();
            serialize_pairs(pairs.iter().map(|(key, node)| (key, *node)), pairs.len(), out);
        }
        Value::Map(pairs) => serialize_pairs(pairs.iter().map(|(key, node)| (key, node)), pairs.len(), out),
    }
}

fn serialize_pairs<'a>(pairs: impl Iterator<Item = (&'a Key, &'a Node)>, count: usize, out: &mut Vec<u8>) {
    out.extend(format!("a:{count}:{{").bytes());
    for (key, node) in pairs {
        match key {
            Key::Int(number) => out.extend(format!("i:{number};").bytes()),
            Key::Text(text) => serialize_text(text.as_bytes(), out),
        }
        serialize(&node.value, out);
    }
    out.push(b'}');
}

fn serialize_text(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend(format!("s:{}:\"", bytes.len()).bytes());
    out.extend(bytes);
    out.extend(b"\";");
}

/// Runs a program of this directory on the cases, with further arguments. It prints each difference; its last line is
/// `compared N`, which is returned.
#[track_caller]
pub(super) fn compare(php: &Path, program: &str, cases: &Value, arguments: &[&Path]) -> usize {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("cases.ser");
    let mut bytes = Vec::new();
    serialize(cases, &mut bytes);
    fs::write(&file, bytes).expect("the cases are written");
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config").join(program);
    let output = Command::new(php)
        .args(["-d", "display_errors=stderr", "-d", "error_reporting=-1", "-d", "memory_limit=1G"])
        .arg(program)
        .arg(file)
        .args(arguments)
        .output()
        .expect("php runs");
    let printed = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complained.is_empty(), "{printed}{complained}");
    let (differences, last) = printed.trim_end().rsplit_once('\n').unwrap_or(("", printed.trim_end()));
    assert_eq!(differences, "", "differences");
    last.strip_prefix("compared ").and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{printed}"))
}
