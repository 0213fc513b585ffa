//! Whole main files, with the files they name.

mod farm;
mod hostile;
mod redirect;
mod schema;
mod version;

use std::collections::HashMap;
use std::sync::Arc;

use super::*;
use crate::config::finding::Severity;
use crate::config::value::{FileId, Key, Node, Text, Value};

/// A node without a place, of a value that JSON can have. Floats become text, for the sake of versions.
pub(super) fn node(value: &serde_json::Value) -> Node {
    use serde_json::Value as Json;
    let value = match value {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match number.as_i64() {
            Some(number) => Value::Int(number),
            None => Value::Float(number.as_f64().unwrap_or(0.0), number.to_string().into()),
        },
        Json::String(text) => Value::Text(Text::from(text.as_str())),
        Json::Array(values) => Value::List(values.iter().map(node).collect()),
        Json::Object(values) => {
            Value::Map(values.iter().map(|(key, value)| (Key::of(key.as_bytes()), node(value))).collect())
        }
    };
    Node { value, mark: Mark { file: FileId(0), line: 0 } }
}

pub(super) fn document(name: &str, root: Node) -> Document {
    Document { name: name.to_owned(), root, digest: String::new(), mode: 0o644, group: 0 }
}

/// A farm in a test.
#[derive(Default)]
pub(super) struct Case {
    main: String,
    files: HashMap<String, Arc<Document>>,
    /// The names of version directories; none in monoversion.
    versions: Option<Vec<&'static str>>,
    active: HashMap<&'static str, &'static str>,
}

impl Case {
    pub(super) fn new(main: &str) -> Self {
        Self { main: main.to_owned(), ..Self::default() }
    }

    pub(super) fn file(mut self, name: &str, text: &str) -> Self {
        let value = serde_saphyr::from_str::<serde_json::Value>(text).expect("YAML");
        self.files.insert(name.to_owned(), Arc::new(document(name, node(&value))));
        self
    }

    pub(super) fn node(mut self, name: &str, node: Node) -> Self {
        self.files.insert(name.to_owned(), Arc::new(document(name, node)));
        self
    }

    pub(super) fn versions(mut self, versions: &[&'static str]) -> Self {
        self.versions = Some(versions.to_vec());
        self
    }

    pub(super) fn active(mut self, wiki: &'static str, version: &'static str) -> Self {
        self.active.insert(wiki, version);
        self
    }

    pub(super) fn run(&self) -> Enumeration {
        let main = serde_saphyr::from_str::<serde_json::Value>(&self.main).expect("YAML");
        let main = document("farms.yml", node(&main));
        let mut read = |name: &str| {
            let missing = || Box::new(Finding::error(name, "", "is missing"));
            self.files.get(name).cloned().ok_or_else(missing)
        };
        match &self.versions {
            None => enumerate(&main, &Mode::Monoversion { code: "/srv/mediawiki" }, &mut read),
            Some(versions) => {
                let is_version = |name: &str| versions.contains(&name);
                let active = |id: &WikiId| self.active.get(id.as_str()).map(|&version| version.to_owned());
                let mode = Mode::Multiversion { code: "/srv", is_version: &is_version, active: &active };
                enumerate(&main, &mode, &mut read)
            }
        }
    }

    /// The wikis, `id host host…`, when nothing was found.
    #[track_caller]
    pub(super) fn wikis(&self, expected: &[&str]) -> Enumeration {
        let found = self.run();
        assert_eq!(found.messages(), [""; 0]);
        assert_eq!(found.table(), expected);
        found
    }

    /// What is found, and the wikis that there are all the same.
    #[track_caller]
    pub(super) fn finds(&self, messages: &[&str], wikis: &[&str]) -> Enumeration {
        let found = self.run();
        let said = found.messages();
        assert_eq!(said.len(), messages.len(), "{said:#?}");
        for (said, expected) in said.iter().zip(messages) {
            assert!(said.starts_with(expected), "{said}\nshould begin with\n{expected}");
        }
        assert_eq!(found.table(), wikis);
        found
    }
}

impl Enumeration {
    fn table(&self) -> Vec<String> {
        let line = |wiki: &FarmWiki| {
            let hosts = wiki.hosts.iter().map(|host| format!(" {host}"));
            hosts.fold(wiki.id.to_string(), |line, host| line + &host)
        };
        self.wikis.iter().map(line).collect()
    }

    fn messages(&self) -> Vec<String> {
        let say = |finding: &Finding| {
            let severity = match finding.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            let wiki = finding.wiki.as_ref().map(|wiki| format!(" [{wiki}]")).unwrap_or_default();
            format!("{severity} {}: {}{wiki}", finding.field, finding.message)
        };
        self.findings.iter().map(say).collect()
    }

    pub(super) fn wiki(&self, id: &str) -> &FarmWiki {
        self.wikis.iter().find(|wiki| wiki.id.as_str() == id).expect("such a wiki")
    }
}
