//! What only one wiki of the farm can have.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::entries::{Entry, Farm};
use super::server::Server;
use super::wiki::Made;
use crate::config::finding::Finding;

impl Entry {
    /// The entry's name.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Farm(farm) => &farm.name,
            Self::Redirect(redirect) => &redirect.name,
        }
    }

    /// Its hosts.
    pub(super) fn server(&self) -> &Server {
        match self {
            Self::Farm(farm) => &farm.server,
            Self::Redirect(redirect) => &redirect.server,
        }
    }
}

/// The first entry before this one whose pattern a host is of.
pub(super) fn earlier<'e>(entries: &'e [Entry], index: usize, host: &str) -> Option<(usize, &'e Entry)> {
    entries[..index].iter().enumerate().find(|(_, entry)| entry.server().matches(host))
}

/// Takes hosts away from wikis when an earlier entry has them, because entries are tried in order: it is an error when
/// a wiki of that one answers there, otherwise nobody does. A wiki that loses all its hosts goes.
pub(super) fn earlier_entries_win(entries: &[Entry], wikis: &mut Vec<Made>, findings: &mut Vec<Finding>) {
    let mut owners: HashMap<String, usize> = HashMap::new();
    for (index, made) in wikis.iter().enumerate() {
        for host in &made.wiki.hosts {
            owners.entry(host.as_str().to_owned()).or_insert(index);
        }
    }
    let names: Vec<_> = wikis.iter().map(|made| (made.entry, made.wiki.id.clone())).collect();
    wikis.retain_mut(|made| {
        let before = made.wiki.hosts.len();
        let (entry, id) = (made.entry, made.wiki.id.clone());
        made.wiki.hosts.retain(|host| {
            let Some((first, other)) = earlier(entries, entry, host.as_str()) else { return true };
            let server = |entry: &Entry| match entry {
                Entry::Farm(farm) => (farm.server_mark, format!("{}.server", farm.name)),
                Entry::Redirect(redirect) => (redirect.mark, redirect.name.clone()),
            };
            let (mark, field) = server(&entries[entry]);
            let owner = owners.get(host.as_str()).map(|owner| &names[*owner]).filter(|(entry, _)| *entry == first);
            findings.push(match owner {
                Some((_, owner)) => Finding::error(
                    mark,
                    field,
                    format!("the host `{host}` is used twice, first by the wiki `{owner}` of `{}`", other.name()),
                )
                .of_wiki(&id),
                None => Finding::warning(
                    mark,
                    field,
                    format!(
                        "the host `{host}` is one of `{}` too, which is tried first and has no wiki there",
                        other.name()
                    ),
                )
                .of_wiki(&id),
            });
            false
        });
        before == 0 || !made.wiki.hosts.is_empty()
    });
}

/// Refuses data directories that two wikis have, and tags called like a wiki or a suffix.
pub(super) fn refuse_shared(entries: &[Entry], wikis: &mut Vec<Made>, findings: &mut Vec<Finding>) {
    let field_of = |farm: &str, field: &str| format!("{farm}.{field}");
    let mut owners: BTreeMap<String, String> = BTreeMap::new();
    let mut is_shared = |made: &Made| {
        let wiki = &made.wiki;
        let data = wiki.data.as_deref()?;
        let parts: Vec<&str> = data.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        let root = if data.starts_with('/') { "/" } else { "" };
        let plain = format!("{root}{}", parts.join("/"));
        if let Some(owner) = owners.get(&plain) {
            return Some(format!("the data directory `{}` is that of the wiki `{owner}` too", plain.escape_debug()));
        }
        owners.insert(plain, wiki.id.to_string());
        None
    };
    wikis.retain(|made| {
        let Some(message) = is_shared(made) else { return true };
        let mark = match &entries[made.entry] {
            Entry::Farm(farm) => farm.data.as_ref().map_or(farm.mark, |data| data.mark),
            Entry::Redirect(redirect) => redirect.mark,
        };
        findings.push(Finding::error(mark, field_of(&made.wiki.farm, "data"), message).of_wiki(&made.wiki.id));
        false
    });

    let mut taken: BTreeMap<String, &str> = BTreeMap::from([("default".to_owned(), "the level of all wikis")]);
    for made in wikis.iter() {
        taken.insert(made.wiki.suffix.clone(), "a suffix");
        taken.insert(made.wiki.id.to_string(), "a wiki");
    }
    let farms = entries.iter().filter_map(|entry| match entry {
        Entry::Farm(farm) => Some(&**farm),
        Entry::Redirect(_) => None,
    });
    let mut refused: BTreeSet<(&str, &str)> = BTreeSet::new();
    for (farm, tag) in farms.flat_map(|farm: &Farm| farm.tags.iter().map(move |tag| (farm, tag))) {
        if let Some(what) = taken.get(&tag.name) {
            let message = format!("`{}` is the name of {what} already", tag.name);
            findings.push(Finding::error(tag.mark, tag.path.clone(), message));
            refused.insert((&farm.name, &tag.name));
        }
    }
    if !refused.is_empty() {
        for made in wikis {
            let farm = &made.wiki.farm;
            made.wiki.tags.retain(|tag| !refused.contains(&(farm.as_str(), tag.as_str())));
        }
    }
}
