//! The files a farm names: lists of values, versions, tags. Each is read once.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use crate::config::finding::Finding;
use crate::config::read::Document;
use crate::config::value::{Mark, Node, Value};

/// Reads a file of the configuration directory by its name.
pub type Read<'a> = dyn FnMut(&str) -> Result<Arc<Document>, Box<Finding>> + 'a;

/// A version as it is written: nothing when it is no text and no number.
pub(super) type Version = (Option<String>, Mark);

/// A value that a variable can have.
#[derive(Debug, Clone)]
pub(super) struct Item {
    /// The value.
    pub(super) value: Rc<str>,
    /// The version that a dictionary gives it.
    pub(super) version: Option<Version>,
    /// Where it is written.
    pub(super) mark: Mark,
    /// Its key path.
    pub(super) field: String,
}

/// A file of versions.
#[derive(Debug, Default)]
pub(super) struct Versions {
    /// Its keys, in order.
    pub(super) names: Vec<(String, Mark)>,
    versions: HashMap<String, Version>,
}

impl Versions {
    /// The version of a wiki, a suffix, or `default`.
    pub(super) fn get(&self, name: &str) -> Option<&Version> {
        self.versions.get(name)
    }
}

/// All files that were read, by name; nothing stands for one that could not be.
pub(super) struct Lists<'r, 'a> {
    read: &'r mut Read<'a>,
    items: HashMap<String, Option<Rc<[Item]>>>,
    versions: HashMap<String, Option<Rc<Versions>>>,
    members: HashMap<String, Option<Rc<HashSet<String>>>>,
}

impl<'r, 'a> Lists<'r, 'a> {
    /// No file is read yet.
    pub(super) fn new(read: &'r mut Read<'a>) -> Self {
        Self { read, items: HashMap::new(), versions: HashMap::new(), members: HashMap::new() }
    }

    /// The values in a file. What is wrong with it is told once.
    pub(super) fn items(&mut self, file: &str, findings: &mut Vec<Finding>) -> Option<Rc<[Item]>> {
        if !self.items.contains_key(file) {
            let document = self.document(file, findings);
            let items = document.and_then(|document| items(&document.root, "", findings));
            self.items.insert(file.to_owned(), items.map(Into::into));
        }
        self.items.get(file).cloned().flatten()
    }

    /// The versions in a file. What is wrong with it is told once.
    pub(super) fn versions(&mut self, file: &str, findings: &mut Vec<Finding>) -> Option<Rc<Versions>> {
        if !self.versions.contains_key(file) {
            let document = self.document(file, findings);
            let versions = document.and_then(|document| versions(&document.root, findings));
            self.versions.insert(file.to_owned(), versions.map(Rc::new));
        }
        self.versions.get(file).cloned().flatten()
    }

    /// The wikis that a file lists. What is wrong with it is told once.
    pub(super) fn members(&mut self, file: &str, findings: &mut Vec<Finding>) -> Option<Rc<HashSet<String>>> {
        if !self.members.contains_key(file) {
            let items = self.items(file, findings);
            let members = items.map(|items| Rc::new(items.iter().map(|item| item.value.to_string()).collect()));
            self.members.insert(file.to_owned(), members);
        }
        self.members.get(file).cloned().flatten()
    }

    fn document(&mut self, file: &str, findings: &mut Vec<Finding>) -> Option<Arc<Document>> {
        match (self.read)(file) {
            Ok(document) => Some(document),
            Err(finding) => {
                findings.push(*finding);
                None
            }
        }
    }
}

/// The values of a list; those of a dictionary are its keys, whatever they are, with versions.
pub(super) fn items(node: &Node, field: &str, findings: &mut Vec<Finding>) -> Option<Vec<Item>> {
    let mut items = Vec::new();
    match &node.value {
        Value::List(nodes) => {
            for (index, node) in nodes.iter().enumerate() {
                let field = format!("{field}[{index}]");
                let name = node.name();
                match name {
                    Some(name) if !name.is_empty() => {
                        items.push(Item { value: name.as_ref().into(), version: None, mark: node.mark, field });
                    }
                    Some(_) => findings.push(Finding::error(node.mark, field, "is empty")),
                    None => {
                        let message = format!("is {}, not a text", node.kind());
                        let hint = "put it in quotation marks if it is one";
                        findings.push(Finding::error(node.mark, field, message).hint(hint));
                    }
                }
            }
        }
        Value::Map(pairs) => {
            for (key, node) in pairs {
                let name = key.name().filter(|name| !name.is_empty());
                let field = below(field, &key.to_string());
                let Some(name) = name else {
                    findings.push(Finding::error(node.mark, field, "has a key that is empty or no UTF-8"));
                    continue;
                };
                let version = match &node.value {
                    Value::Null => None,
                    _ => Some((node.name().map(std::borrow::Cow::into_owned), node.mark)),
                };
                items.push(Item { value: name.as_ref().into(), version, mark: node.mark, field });
            }
        }
        _ => {
            let message = format!("is {}, not a list of values or a map from values to versions", node.kind());
            findings.push(Finding::error(node.mark, field, message));
            return None;
        }
    }
    let mut known = HashSet::new();
    items.retain(|item| {
        let is_new = known.insert(Rc::clone(&item.value));
        if !is_new {
            let message = format!("`{}` stands there twice", item.value.escape_debug());
            findings.push(Finding::warning(item.mark, item.field.clone(), message));
        }
        is_new
    });
    Some(items)
}

fn versions(node: &Node, findings: &mut Vec<Finding>) -> Option<Versions> {
    let Some(pairs) = node.map() else {
        let message = format!("is {}, not a map from wikis, suffixes and `default` to versions", node.kind());
        findings.push(Finding::error(node.mark, "", message));
        return None;
    };
    let mut versions = Versions::default();
    for (key, node) in pairs {
        let Some(name) = key.name() else {
            findings.push(Finding::error(node.mark, key.to_string(), "has a key that is no UTF-8"));
            continue;
        };
        versions.names.push((name.clone().into_owned(), node.mark));
        let version = node.name().map(std::borrow::Cow::into_owned);
        versions.versions.insert(name.into_owned(), (version, node.mark));
    }
    Some(versions)
}

/// The key path of a key.
pub(super) fn below(field: &str, key: &str) -> String {
    let key = key.escape_debug();
    if field.is_empty() { key.to_string() } else { format!("{field}.{key}") }
}
