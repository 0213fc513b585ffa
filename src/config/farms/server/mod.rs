//! `server`: the pattern of a farm's hosts.
//!
//! MediaWikiFarm hands it to PCRE. Here it is read by the grammar of Rust's linear-time engine, what the two would
//! read differently is refused, and what is left is reduced to the bytes of hosts and paths and written anew.

mod syntax;
mod tree;

use std::collections::BTreeMap;

use regex::Regex;

pub(super) use tree::{Part, Shape};

use tree::Tree;

/// Groups of a pattern nest no deeper than this.
const MAX_NESTING: u32 = 64;

/// Longer patterns are refused.
const MAX_BYTES: usize = 4096;

/// What a compiled pattern may take, in bytes.
const MAX_COMPILED: usize = 1 << 20;

/// The pattern of a farm's hosts.
#[derive(Debug)]
pub(super) struct Server {
    host: Tree,
    path: Option<Tree>,
    groups: Vec<Group>,
    matcher: Matcher,
    host_regex: Regex,
    path_regex: Option<Regex>,
}

/// A pattern for matching at a request, valid for PCRE and for Rust's engine, without flags and delimiters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matcher {
    /// For the host, in lower case and without port: `\A…\z`.
    pub host: String,
    /// For the path of the request, when the pattern has one: `\A…(?:[/?#]|\z)`.
    pub path: Option<String>,
    /// The names of all groups, in lower case and in order; one that takes no part sets no variable.
    pub groups: Vec<String>,
    /// Whether no host can make PCRE, which goes back and tries again, take exponential time.
    pub is_quick: bool,
}

impl Matcher {
    /// One pattern with delimiters for PHP, for a host as it is sent, in lower case, followed by the path of the request.
    #[must_use]
    pub fn delimited(&self) -> String {
        let host = self.host.strip_prefix("\\A").and_then(|host| host.strip_suffix("\\z")).unwrap_or(&self.host);
        let path = self.path.as_deref().map_or("(?:[/?\\x23]|\\z)", |path| path.strip_prefix("\\A").unwrap_or(path));
        // The text has no `~`: all bytes but a few are escaped.
        format!("~\\A{host}\\.?(?::[0-9]+)?{path}~")
    }
}

#[derive(Debug)]
struct Group {
    name: String,
    regex: Regex,
}

impl Server {
    /// Reads the pattern.
    ///
    /// # Errors
    /// What is wrong with it, as the rest of a sentence.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_BYTES {
            return Err(format!("is longer than {MAX_BYTES} bytes"));
        }
        let (host, path) = syntax::split(text);
        let path = path.map(|path| path.trim_end_matches('/')).filter(|path| !path.is_empty());
        if path.is_some_and(|path| syntax::has_alternatives(path) || syntax::has_alternatives(host)) {
            return Err("has alternatives and a path: put the alternatives in a group, `(?:a|b)`".to_owned());
        }
        let host = syntax::parse(host, true)?;
        let path = path.map(|path| syntax::parse(path, false)).transpose()?;
        if host == Tree::Never || path == Some(Tree::Never) {
            return Err("matches no host: hosts are made of a-z, 0-9, `-` and `.`, paths of letters, digits, `-`, \
                        `.`, `_`, `~`"
                .to_owned());
        }

        let mut found = Vec::new();
        host.groups(&mut found);
        if let Some(path) = &path {
            path.groups(&mut found);
        }
        let mut groups: Vec<Group> = Vec::new();
        for (name, tree) in found {
            if groups.iter().any(|group| group.name == name) {
                return Err(format!("has two groups called `{name}`; upper and lower case do not count"));
            }
            let mut text = String::from("\\A(?:");
            tree.print(&mut text);
            text.push_str(")\\z");
            groups.push(Group { name: name.to_owned(), regex: compile(&text)? });
        }

        let mut host_text = String::from("\\A(?:");
        host.print(&mut host_text);
        host_text.push_str(")\\z");
        let path_text = path.as_ref().map(|path| {
            let mut text = String::from("\\A");
            path.print(&mut text);
            text.push_str("(?:[/?\\x23]|\\z)");
            text
        });
        let matcher = Matcher {
            host: host_text,
            path: path_text,
            groups: groups.iter().map(|group| group.name.clone()).collect(),
            is_quick: !host.may_explode() && !path.as_ref().is_some_and(Tree::may_explode),
        };
        let host_regex = compile(&matcher.host)?;
        let path_regex = matcher.path.as_deref().map(compile).transpose()?;
        Ok(Self { host, path, groups, matcher, host_regex, path_regex })
    }

    /// The names that it captures, in lower case and in order.
    pub(super) fn groups(&self) -> &[String] {
        &self.matcher.groups
    }

    /// The pattern for matching at a request.
    pub(super) fn matcher(&self) -> &Matcher {
        &self.matcher
    }

    /// Whether a group can have this value.
    pub(super) fn fits(&self, group: &str, value: &str) -> bool {
        self.groups.iter().any(|own| own.name == group && own.regex.is_match(value))
    }

    /// All ways its hosts can look, with holes for the groups that are asked for; nothing when there are too many.
    pub(super) fn shapes(&self, is_hole: &dyn Fn(&str) -> bool) -> Option<Vec<Shape>> {
        let hosts = self.host.shapes(is_hole)?;
        let Some(path) = &self.path else { return Some(hosts) };
        tree::product(&hosts, &path.shapes(is_hole)?)
    }

    /// Whether a host, with its path, is one of this pattern.
    pub(super) fn matches(&self, host: &str) -> bool {
        let (host, path) = host.find('/').map_or((host, ""), |slash| host.split_at(slash));
        // Quick, for farms with many patterns.
        host.ends_with(self.host.tail())
            && self.host_regex.is_match(host)
            && self.path_regex.as_ref().is_none_or(|regex| regex.is_match(path))
    }

    /// The values of the groups that take part, when the pattern is about just this host with its path.
    pub(super) fn read(&self, host: &str) -> Option<BTreeMap<String, String>> {
        let (host, path) = host.find('/').map_or((host, ""), |slash| host.split_at(slash));
        let on_host = self.host_regex.captures(host)?;
        let on_path = match &self.path_regex {
            None if !path.is_empty() => return None,
            None => None,
            Some(regex) => {
                Some(regex.captures(path).filter(|all| all.get(0).is_some_and(|all| all.end() == path.len()))?)
            }
        };
        let value = |name: &str| {
            on_host.name(name).or_else(|| on_path.as_ref().and_then(|path| path.name(name))).map(|found| found.as_str())
        };
        Some(self.groups.iter().filter_map(|g| Some((g.name.clone(), value(&g.name)?.to_owned()))).collect())
    }
}

fn compile(text: &str) -> Result<Regex, String> {
    regex::RegexBuilder::new(text)
        .size_limit(MAX_COMPILED)
        .build()
        .map_err(|_| "is too large: its repetitions take too much memory".to_owned())
}
