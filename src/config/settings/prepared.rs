//! A settings file, checked once for all wikis and indexed by the keys that wikis look for.

use std::borrow::Cow;
use std::collections::HashMap;

use super::names::{NameId, Names};
use crate::config::farms::Scope;
use crate::config::finding::Finding;
use crate::config::value::{Key, Node, Value};

/// What a settings file is, which its entry in `config` tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A map from names to values: the entry's `key` has no star.
    Fixed,
    /// A map from names to maps from keys to values: the entry's `key` has a star.
    Star,
}

impl Kind {
    /// The kind that an entry asks for; none of executable files.
    #[must_use]
    pub fn of(scope: &Scope) -> Option<Self> {
        match scope {
            Scope::Fixed(_) => Some(Self::Fixed),
            Scope::Star { .. } => Some(Self::Star),
            Scope::Executable => None,
        }
    }
}

/// A checked settings file.
#[derive(Debug)]
pub struct Prepared<'d> {
    pub(super) content: Content<'d>,
}

#[derive(Debug)]
pub(super) enum Content<'d> {
    /// All of a fixed file, in the order written.
    Fixed(Vec<Part<'d>>),
    /// What a star file says, by the text that stands for the star, or `default`.
    Star(HashMap<Cow<'d, [u8]>, Vec<Part<'d>>>),
}

/// One value of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'d> {
    pub(super) name: NameId,
    pub(super) track: Track,
    /// The number of the name within the file.
    pub(super) position: u32,
    /// Below a name of a star file, the key as written.
    pub(super) key: Option<&'d Key>,
    pub(super) form: Form,
    pub(super) node: &'d Node,
}

/// What a name says about a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Track {
    /// `name`: its value.
    Value,
    /// `+name`: an array to put onto MediaWiki's value, or onto that of `name`.
    Diff,
}

/// What a key says within its track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// `key`: all of it, whatever is below.
    Whole,
    /// `+key`: an array to merge with what is below.
    Diff,
}

/// The key that stands for all wikis.
pub(super) const DEFAULT: &str = "default";

impl<'d> Prepared<'d> {
    /// Checks and indexes a file. What is refused is left out, with an error; the wikis that have the file cannot be
    /// compiled then.
    #[must_use]
    pub fn new(root: &'d Node, kind: Kind, names: &mut Names<'d>) -> (Self, Vec<Finding>) {
        let mut findings = Vec::new();
        let settings = match (&root.value, root.map()) {
            (Value::Null, _) => &[],
            (_, Some(settings)) => settings,
            (_, None) => {
                findings.push(Finding::error(root.mark, "", format!("must be a map of settings, not {}", root.kind())));
                &[]
            }
        };
        let content = match kind {
            Kind::Fixed => Content::Fixed(Vec::with_capacity(settings.len())),
            Kind::Star => Content::Star(HashMap::new()),
        };
        let mut file = Self { content };
        for ((key, node), position) in settings.iter().zip(0..) {
            let field = shown(key);
            let (track, name) = match name(key, names) {
                Ok(taken) => taken,
                Err(reason) => {
                    let message = format!("`{field}` {reason}");
                    findings.push(Finding::error(node.mark, field, message));
                    continue;
                }
            };
            let part = Part { name, track, position, key: None, form: Form::Whole, node };
            match &mut file.content {
                Content::Fixed(parts) => {
                    if accept(part, &field, &mut findings) {
                        parts.push(part);
                    }
                }
                Content::Star(by_key) => star(part, &field, by_key, &mut findings),
            }
        }
        (file, findings)
    }
}

/// The track and the name of a setting.
fn name<'d>(key: &'d Key, names: &mut Names<'d>) -> Result<(Track, NameId), String> {
    let Key::Text(text) = key else { return Err("is a number, not the name of a setting".to_owned()) };
    let Some(text) = text.as_str() else { return Err("is not UTF-8".to_owned()) };
    let (track, raw) = match text.strip_prefix('+') {
        Some(raw) => (Track::Diff, raw),
        None => (Track::Value, text),
    };
    Ok((track, names.take(raw)?))
}

/// Takes what a star file says under a name.
fn star<'d>(
    name: Part<'d>,
    field: &str,
    by_key: &mut HashMap<Cow<'d, [u8]>, Vec<Part<'d>>>,
    findings: &mut Vec<Finding>,
) {
    let Some(keys) = name.node.map() else {
        let message =
            format!("must be a map, because `key` has a star: wikis with their values, not {}", name.node.kind());
        let hint = "`default:` below it sets it for all wikis";
        findings.push(Finding::error(name.node.mark, field, message).hint(hint));
        return;
    };
    for (key, node) in keys {
        let field = format!("{field}.{}", shown(key));
        let (form, text) = match key {
            Key::Int(number) => (Form::Whole, Cow::Owned(number.to_string().into_bytes())),
            Key::Text(text) => match text.as_bytes() {
                [b'+', text @ ..] => (Form::Diff, Cow::Borrowed(text)),
                text => (Form::Whole, Cow::Borrowed(text)),
            },
        };
        if form == Form::Diff && *text == *DEFAULT.as_bytes() {
            let message = "`+default` has nothing below it to merge with: it must be `default`";
            findings.push(Finding::error(node.mark, field, message));
            continue;
        }
        let part = Part { key: Some(key), form, node, ..name };
        if accept(part, &field, findings) {
            by_key.entry(text).or_default().push(part);
        }
    }
}

/// Whether a value can be what its name and key say it is.
fn accept(part: Part<'_>, field: &str, findings: &mut Vec<Finding>) -> bool {
    let node = part.node;
    let diff = part.track == Track::Diff || part.form == Form::Diff;
    if diff && !node.value.is_array() {
        let message = format!("must be a list or a map, because `+` merges arrays, not {}", node.kind());
        findings.push(Finding::error(node.mark, field, message));
        return false;
    }
    if matches!(node.value, Value::Null) {
        findings.push(Finding::warning(node.mark, field, "is null: it is not set, and MediaWiki's own value stays"));
    }
    true
}

fn shown(key: &Key) -> String {
    key.to_string().escape_debug().to_string()
}
