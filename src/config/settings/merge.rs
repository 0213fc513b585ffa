//! What becomes of two arrays of PHP: the merge of MediaWiki core, and a diff put onto a value.

use std::borrow::Cow;
use std::collections::HashMap;
use std::mem;

use crate::config::value::{Key, Node, Value};

#[cfg(test)]
mod tests;

/// Merges two arrays as MediaWiki core's `SiteConfiguration::arrayMerge` does, the first being the higher one.
///
/// The higher array comes first. An entry of the lower one is added when the higher has none with its key, or null.
/// Where both have arrays, these are merged. Otherwise the lower entry is appended when its key is a number (to PHP's
/// `is_numeric`: `7`, and the text `07`, too), takes the place of a higher `false`, and is dropped in all other cases.
/// So lists come one after the other, and a right that is granted below cannot be taken away above.
#[must_use]
pub fn merge(high: &Node, low: &Node) -> Node {
    let mut merged = Array::of(&high.value);
    merged.meets(&low.value);
    for (key, entry) in entries(&low.value) {
        let Some(current) = merged.get(&key) else {
            merged.set(key.into_owned(), entry.clone());
            continue;
        };
        if matches!(current.value, Value::Null) {
            *current = entry.clone();
        } else if current.value.is_array() && entry.value.is_array() {
            *current = merge(current, entry);
        } else if is_numeric(&key) {
            merged.append(entry.clone());
        } else if matches!(current.value, Value::Bool(false)) {
            *current = entry.clone();
        }
    }
    Node { value: merged.finish(), mark: high.mark }
}

/// Puts a diff, which is an array, onto a value.
///
/// A sequence comes before the entries that are there: these keep their keys, but where an integer is taken the entry
/// is appended. A mapping assigns by key: onto an array under the same key its own array is put by these same rules,
/// anything else is replaced, by false and null, too. A value that is no array is replaced as a whole.
///
/// Diffs can be gathered before they are put onto a value: `onto(onto(x, a), b)` is `onto(x, onto(a, b))`, as long as
/// sequences meet sequences and mappings meet mappings.
#[must_use]
pub fn onto(base: &Node, diff: &Node) -> Node {
    if !base.value.is_array() {
        return diff.clone();
    }
    let value = match &diff.value {
        Value::List(items) if !items.is_empty() => {
            let mut joined = Array::of(&diff.value);
            joined.meets(&base.value);
            for (key, entry) in entries(&base.value) {
                if joined.get(&key).is_some() {
                    joined.append(entry.clone());
                } else {
                    joined.set(key.into_owned(), entry.clone());
                }
            }
            joined.finish()
        }
        Value::Map(pairs) => {
            let mut assigned = Array::of(&base.value);
            assigned.meets(&diff.value);
            for (key, entry) in pairs {
                match assigned.get(key) {
                    Some(current) if current.value.is_array() && entry.value.is_array() => {
                        *current = onto(current, entry);
                    }
                    Some(current) => *current = entry.clone(),
                    None => assigned.set(key.clone(), entry.clone()),
                }
            }
            assigned.finish()
        }
        _ => base.value.clone(),
    };
    Node { value, mark: diff.mark }
}

/// Merges two arrays as MediaWikiFarm 2.0 does; nothing when one is no array, on which PHP stops.
///
/// An entry of the diff is added when its key is free. Under a text, two arrays are merged, and anything else is replaced;
/// where an integer is taken, the entry is appended.
pub(super) fn append(base: &Node, diff: &Node) -> Option<Node> {
    if !base.value.is_array() || !diff.value.is_array() {
        return None;
    }
    let mut merged = Array::of(&base.value);
    merged.meets(&diff.value);
    for (key, entry) in entries(&diff.value) {
        match (merged.get(&key), &*key) {
            (None, _) => merged.set(key.into_owned(), entry.clone()),
            (Some(_), Key::Int(_)) => merged.append(entry.clone()),
            (Some(current), Key::Text(_)) => *current = append(current, entry).unwrap_or_else(|| entry.clone()),
        }
    }
    Some(Node { value: merged.finish(), mark: diff.mark })
}

/// The entries of an array, with their keys.
pub(super) fn entries(array: &Value) -> Box<dyn Iterator<Item = (Cow<'_, Key>, &Node)> + '_> {
    match array {
        Value::List(items) => Box::new((0..).map(|at| Cow::Owned(Key::Int(at))).zip(items)),
        Value::Map(pairs) => Box::new(pairs.iter().map(|(key, node)| (Cow::Borrowed(key), node))),
        _ => Box::new(std::iter::empty()),
    }
}

/// What PHP's `is_numeric` says to a key: a decimal number with sign, fraction and exponent, within white space.
fn is_numeric(key: &Key) -> bool {
    let Key::Text(text) = key else { return true };
    let space = |byte: &u8| b" \t\n\r\x0b\x0c".contains(byte);
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let unsigned = |text: &'_ [u8]| usize::from(matches!(text.first(), Some(b'+' | b'-')));

    let text = text.as_bytes();
    let text = &text[text.iter().take_while(|byte| space(byte)).count()..];
    let text = &text[unsigned(text)..];
    let whole = digits(text);
    let mut rest = &text[whole..];
    let mut fraction = 0;
    if let Some((b'.', behind)) = rest.split_first() {
        fraction = digits(behind);
        rest = &behind[fraction..];
    }
    if let Some((b'e' | b'E', behind)) = rest.split_first() {
        let behind = &behind[unsigned(behind)..];
        let exponent = digits(behind);
        if exponent > 0 {
            rest = &behind[exponent..];
        }
    }
    whole + fraction > 0 && rest.iter().all(space)
}

/// An array that grows, as PHP's do.
struct Array {
    /// The keys; without, they are 0, 1, 2 …
    keys: Option<Vec<Key>>,
    nodes: Vec<Node>,
    /// Where each key is, once there are more than a few.
    places: HashMap<Key, usize>,
    /// The greatest integer among the keys. What is appended gets the next one, or 0 without any. (Before PHP 8.3 some
    /// arrays went on from 0 when all integers were negative.)
    greatest: Option<i64>,
    /// Whether a mapping took part: the result is one, then.
    mapping: bool,
}

/// Up to how many keys are looked through one after the other.
const FEW: usize = 12;

impl Array {
    fn of(array: &Value) -> Self {
        let mut new = Self { keys: None, nodes: Vec::new(), places: HashMap::new(), greatest: None, mapping: false };
        match array {
            Value::List(items) => {
                new.nodes.clone_from(items);
                new.greatest = i64::try_from(items.len()).ok().map(|length| length - 1).filter(|last| *last >= 0);
            }
            Value::Map(pairs) => {
                new.nodes.reserve(pairs.len());
                for (key, node) in pairs {
                    new.set(key.clone(), node.clone());
                }
            }
            _ => {}
        }
        new.meets(array);
        new
    }

    /// Takes notice of what kind of array takes part; the empty one is of either kind.
    fn meets(&mut self, array: &Value) {
        self.mapping |= matches!(array, Value::Map(pairs) if !pairs.is_empty());
    }

    fn place(&self, key: &Key) -> Option<usize> {
        match (&self.keys, key) {
            (None, Key::Int(number)) => usize::try_from(*number).ok().filter(|at| *at < self.nodes.len()),
            (None, Key::Text(_)) => None,
            (Some(keys), _) if keys.len() <= FEW => keys.iter().position(|own| own == key),
            (Some(_), _) => self.places.get(key).copied(),
        }
    }

    fn get(&mut self, key: &Key) -> Option<&mut Node> {
        self.place(key).map(|at| &mut self.nodes[at])
    }

    /// Adds an entry under a key that is not there yet.
    fn set(&mut self, key: Key, node: Node) {
        if let Key::Int(number) = key {
            self.greatest = self.greatest.max(Some(number));
        }
        let length = self.nodes.len();
        let in_sequence = key == Key::Int(i64::try_from(length).unwrap_or(-1));
        if self.keys.is_none() && !in_sequence {
            self.keys = Some((0..).map(Key::Int).take(length).collect());
            self.places = HashMap::new();
        }
        self.nodes.push(node);
        let Some(keys) = &mut self.keys else { return };
        keys.push(key);
        if keys.len() > FEW {
            let known = self.places.len();
            self.places.extend(keys.iter().cloned().zip(0..).skip(known));
        }
    }

    /// Adds an entry behind all others; none when PHP has no key left for it.
    fn append(&mut self, node: Node) {
        if let Some(next) = self.greatest.map_or(Some(0), |greatest| greatest.checked_add(1)) {
            self.set(Key::Int(next), node);
        }
    }

    fn finish(mut self) -> Value {
        if !self.mapping && self.keys.is_none() {
            return Value::List(self.nodes);
        }
        let keys = self.keys.take().unwrap_or_else(|| (0..).map(Key::Int).take(self.nodes.len()).collect());
        Value::Map(keys.into_iter().zip(mem::take(&mut self.nodes)).collect())
    }
}
