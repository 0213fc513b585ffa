//! A mapping while it is read: keys once, and what `<<` brings in.

use std::collections::HashMap;

use super::super::super::value::{Key, Node, Value};
use super::super::problem::{Problem, shown};

/// A mapping of which the end is not yet seen.
#[derive(Default)]
pub(super) struct Mapping {
    pub(super) pairs: Vec<(Key, Node)>,
    /// Where each key stands in `pairs`, and whether `<<` brought it.
    places: HashMap<Key, (usize, bool)>,
    merged: bool,
    pub(super) next: Next,
}

/// What a mapping waits for.
#[derive(Default)]
pub(super) enum Next {
    #[default]
    Key,
    /// The value of a key, with the line of the key.
    Value(Key, u32),
    /// The value of `<<`.
    Merge(u32),
}

impl Mapping {
    /// The key for which a value is read.
    pub(super) fn key(&self) -> Option<Key> {
        match &self.next {
            Next::Key => None,
            Next::Value(key, _) => Some(key.clone()),
            Next::Merge(_) => Some(Key::Text("<<".into())),
        }
    }

    /// Says for which key the next value is. What `<<` brought gives way, in its place, to what is written.
    pub(super) fn begin_value(&mut self, key: Key, line: u32) -> Result<(), Problem> {
        if let Some((_, false)) = self.places.get(&key) {
            return Err(Problem::new(line, format!("the key `{}` is given twice", shown(&key.to_string()))));
        }
        self.next = Next::Value(key, line);
        Ok(())
    }

    /// Says that the next value is to be merged.
    pub(super) fn begin_merge(&mut self, line: u32) -> Result<(), Problem> {
        if std::mem::replace(&mut self.merged, true) {
            let problem = Problem::new(line, "the key `<<` is given twice");
            return Err(problem.hint("several mappings are merged by a list: `<<: [*a, *b]`"));
        }
        self.next = Next::Merge(line);
        Ok(())
    }

    /// Takes the value that is waited for. It stands, for whoever looks for it, on the line of its key.
    pub(super) fn put(&mut self, mut node: Node) -> Result<(), Problem> {
        match std::mem::take(&mut self.next) {
            Next::Value(key, line) => {
                node.mark.line = line;
                if let Some((place, merged)) = self.places.get_mut(&key) {
                    *merged = false;
                    self.pairs[*place].1 = node;
                } else {
                    self.places.insert(key.clone(), (self.pairs.len(), false));
                    self.pairs.push((key, node));
                }
                Ok(())
            }
            Next::Merge(line) => self.merge(node.value, line),
            Next::Key => {
                Err(Problem::new(node.mark.line, "a list or a map is no key").hint("a key is one line of text"))
            }
        }
    }

    /// Merges a mapping, or a list of them, of which the first wins.
    fn merge(&mut self, value: Value, line: u32) -> Result<(), Problem> {
        let maps = match value {
            Value::Map(pairs) => vec![pairs],
            Value::List(items) => {
                let maps = items.into_iter().map(|item| match item.value {
                    Value::Map(pairs) => Ok(pairs),
                    _ => Err(not_a_mapping(line)),
                });
                maps.collect::<Result<_, _>>()?
            }
            _ => return Err(not_a_mapping(line)),
        };
        for (key, node) in maps.into_iter().flatten() {
            if !self.places.contains_key(&key) {
                self.places.insert(key.clone(), (self.pairs.len(), true));
                self.pairs.push((key, node));
            }
        }
        Ok(())
    }
}

fn not_a_mapping(line: u32) -> Problem {
    let hint = "its value is an alias such as `*name`, or a list of them; as a name, it is written `'<<'`";
    Problem::new(line, "`<<` merges maps only").hint(hint)
}
