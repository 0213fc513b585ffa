//! LocalSettings.php as text: the part that sets a wiki's settings.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::marker::PhantomData;

use super::settings::Setting;
use super::value::{Key, Node, Value};
use crate::php;

/// The function of the runtime that puts a list before the entries of an array.
const PREPEND: &str = "\\MwFarm\\Settings::prepend";

/// Writes the settings: `# General settings`, each value as `$name = …;`, and `# Array settings`, the diffs onto what
/// MediaWiki has. A section without settings is left out.
///
/// What the statements make of a diff at run time is what [`onto`](super::settings::merge::onto) makes of it: first its
/// mappings, with empty lists where it has lists, by one `array_replace_recursive`; then each list before what is there.
pub fn settings<'d>(settings: &[Setting<'d>], written: &mut Written<'d>, out: &mut String) {
    let diffs = settings.iter().filter_map(|setting| Some((&setting.variable, setting.diff.as_deref()?)));
    let mut heading = "\n# General settings\n";
    for setting in settings.iter().filter(|setting| setting.value.is_some()) {
        out.push_str(std::mem::take(&mut heading));
        for text in ["$", &*setting.variable, " = "] {
            out.push_str(text);
        }
        written.write(setting, out);
        out.push_str(";\n");
    }
    let mut heading = "\n# Array settings\n";
    for (variable, node) in diffs {
        out.push_str(std::mem::take(&mut heading));
        match &node.value {
            Value::List(items) if !items.is_empty() => prepend(variable, &[], node, out),
            _ => replace(variable, node, out),
        }
    }
}

/// Arrays as they were written for other wikis: those of the files themselves, which outlive it, by their address.
#[derive(Debug, Default)]
pub struct Written<'d>(HashMap<usize, String>, PhantomData<&'d Node>);

impl<'d> Written<'d> {
    fn write(&mut self, setting: &Setting<'d>, out: &mut String) {
        match &setting.value {
            Some(Cow::Borrowed(node)) if node.value.is_array() => {
                let text = self.0.entry(std::ptr::from_ref(*node).addr()).or_insert_with(|| {
                    let mut text = String::new();
                    php::Value::from(&node.value).write(&mut text, 0);
                    text
                });
                out.push_str(text);
            }
            value => match value.as_deref().map(|node| &node.value) {
                Some(Value::Text(text)) => php::string(out, text.as_bytes()),
                value => value.map_or(php::Value::Null, php::Value::from).write(out, 0),
            },
        }
    }
}

/// Puts a diff that is a mapping, or empty, onto a variable.
fn replace(variable: &str, diff: &Node, out: &mut String) {
    let _ = writeln!(out, "${variable} = is_array( ${variable} ?? null ) ? ${variable} : [];");
    let mut lists = Vec::new();
    let mappings = mappings(diff, &mut Vec::new(), &mut lists);
    if !matches!(&mappings, php::Value::Array(pairs) if pairs.is_empty()) {
        let _ = write!(out, "${variable} = array_replace_recursive( ${variable}, ");
        mappings.write(out, 0);
        out.push_str(" );\n");
    }
    for (path, list) in lists {
        prepend(variable, &path, list, out);
    }
}

/// A list of a diff, with the keys that lead there.
type ListAt<'d> = (Vec<&'d Key>, &'d Node);

/// The mappings of a diff, with its lists taken out: they leave an empty array, so that keys stay in order. Diffs nest as
/// many levels as their reader lets pass.
fn mappings<'d>(node: &'d Node, path: &mut Vec<&'d Key>, lists: &mut Vec<ListAt<'d>>) -> php::Value {
    match &node.value {
        Value::List(items) => {
            if !items.is_empty() {
                lists.push((path.clone(), node));
            }
            php::Value::Array(Vec::new())
        }
        Value::Map(pairs) => {
            let entry = |(key, node): &'d (Key, Node)| {
                path.push(key);
                let value = mappings(node, path, lists);
                path.pop();
                (key.into(), value)
            };
            php::Value::Array(pairs.iter().map(entry).collect())
        }
        other => other.into(),
    }
}

/// Puts a list before the entries of a variable, or of an array in it.
fn prepend(variable: &str, path: &[&Key], list: &Node, out: &mut String) {
    let mut place = format!("${variable}");
    for key in path {
        place.push('[');
        php::Key::from(*key).write(&mut place);
        place.push(']');
    }
    let _ = write!(out, "{place} = {PREPEND}( ");
    php::Value::from(&list.value).write(out, 0);
    let _ = writeln!(out, ", {place} ?? null );");
}

impl From<&Value> for php::Value {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Int(number) => Self::Int(*number),
            Value::Float(number, _) => Self::Float(*number),
            Value::Text(text) => Self::Bytes(text.as_bytes().to_owned()),
            Value::List(items) => Self::List(items.iter().map(|item| (&item.value).into()).collect()),
            Value::Map(pairs) => {
                Self::Array(pairs.iter().map(|(key, node)| (key.into(), (&node.value).into())).collect())
            }
        }
    }
}

impl From<&Key> for php::Key {
    fn from(key: &Key) -> Self {
        match key {
            Key::Int(number) => Self::Int(*number),
            Key::Text(text) => Self::Bytes(text.as_bytes().to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::value::{FileId, Mark};

    fn node(value: Value) -> Node {
        Node { value, mark: Mark { file: FileId(0), line: 1 } }
    }

    fn map<const N: usize>(pairs: [(&str, Node); N]) -> Node {
        node(Value::Map(pairs.map(|(key, node)| (Key::of(key.as_bytes()), node)).into()))
    }

    fn setting(variable: &'static str, value: Option<Node>, diff: Option<Node>) -> Setting<'static> {
        let (value, diff) = (value.map(Cow::Owned), diff.map(Cow::Owned));
        Setting { name: variable, variable: variable.into(), value, diff }
    }

    #[test]
    fn settings_are_plain_statements() {
        let list = || node(Value::List(vec![node(Value::Text("it's".into()))]));
        let text = |text: &str| node(Value::Text(text.into()));
        let rights = map([
            ("*", map([("edit", node(Value::Bool(false)))])),
            ("lists", list()),
            ("7", map([("none", node(Value::List(Vec::new())))])),
        ]);
        let all = [
            setting("wgDiff", None, Some(rights)),
            setting("wgSitename", Some(text("$wgX")), None),
            setting("wgList", None, Some(list())),
            setting("wgLimits", Some(map([("1", node(Value::Int(1))), ("01", node(Value::Null))])), None),
            setting("wgEmpty", None, Some(map([]))),
        ];
        let mut out = String::new();
        settings(&all, &mut Written::default(), &mut out);
        let expected = r"
# General settings
$wgSitename = '$wgX';
$wgLimits = [
    1 => 1,
    '01' => null,
];

# Array settings
$wgDiff = is_array( $wgDiff ?? null ) ? $wgDiff : [];
$wgDiff = array_replace_recursive( $wgDiff, [
    '*' => [
        'edit' => false,
    ],
    'lists' => [],
    7 => [
        'none' => [],
    ],
] );
$wgDiff['lists'] = \MwFarm\Settings::prepend( [
    'it\'s',
], $wgDiff['lists'] ?? null );
$wgList = \MwFarm\Settings::prepend( [
    'it\'s',
], $wgList ?? null );
$wgEmpty = is_array( $wgEmpty ?? null ) ? $wgEmpty : [];
";
        assert_eq!(out, expected);

        out.clear();
        settings(&[], &mut Written::default(), &mut out);
        assert_eq!(out, "");
    }
}
