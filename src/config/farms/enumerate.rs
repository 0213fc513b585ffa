//! From a farm to the values of its variables, and from those to hosts.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use super::entries::{Farm, Values, Variable};
use super::lists::{Item, Lists, Read, Version};
use super::server::{Part, Shape};
use super::template::{Piece, Template};
use super::wiki::{Made, Resolved};
use super::{Mode, Pattern, Target};
use crate::config::finding::{Finding, Place};
use crate::config::value::Mark;
use crate::farm::{Host, WikiId};

/// A farm has no more wikis than this.
const MAX_WIKIS: usize = 1_000_000;

/// A wikiID is not cut in more ways than this.
const MAX_SOLUTIONS: usize = 256;

/// So many combinations that a pattern reads otherwise are named.
const MAX_NAMED: usize = 5;

/// What the farms are enumerated with, and what was found so far.
pub(super) struct Work<'r, 'a, 'm> {
    pub(super) mode: &'m Mode<'m>,
    pub(super) lists: Lists<'r, 'a>,
    pub(super) findings: Vec<Finding>,
    /// The wikis so far.
    pub(super) made: Vec<Made>,
    /// Their places in `made`, by identifier; nothing stands for a broken one.
    pub(super) known: HashMap<WikiId, Option<usize>>,
    /// What was said already: the same error of a thousand wikis is one.
    said: BTreeSet<(String, String, String)>,
    patterns: Vec<(usize, Pattern)>,
}

/// What was enumerated. Patterns have the index of their entry.
pub(super) struct Done {
    pub(super) wikis: Vec<Made>,
    pub(super) broken: BTreeSet<WikiId>,
    pub(super) patterns: Vec<(usize, Pattern)>,
    pub(super) findings: Vec<Finding>,
}

/// One value for each variable that has a list.
#[derive(Debug, Clone)]
pub(super) struct Combination<'f> {
    pub(super) values: Vec<(&'f str, Rc<str>)>,
    /// The version that the last of several dictionaries gives, with the place of the variable among all, and its key
    /// path.
    pub(super) version: Option<(usize, Version, String)>,
    /// Where its last value is written; none when there is no variable.
    pub(super) origin: Option<(Mark, String)>,
}

impl Combination<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.values.iter().find_map(|(own, value)| (*own == name).then_some(&**value))
    }

    /// For messages: `` `lang` is `fr` ``.
    pub(super) fn describe(&self) -> String {
        let values = self.values.iter().map(|(name, value)| format!("`{name}` is `{}`", value.escape_debug()));
        values.collect::<Vec<_>>().join(", ")
    }
}

/// The lists of a farm's variables, each checked against the group it is for.
type Checked = HashMap<(usize, String), Option<Rc<[Item]>>>;

impl<'r, 'a, 'm> Work<'r, 'a, 'm> {
    /// Nothing is done yet.
    pub(super) fn new(mode: &'m Mode<'m>, read: &'r mut Read<'a>, findings: Vec<Finding>) -> Self {
        Self {
            mode,
            lists: Lists::new(read),
            findings,
            made: Vec::new(),
            known: HashMap::new(),
            said: BTreeSet::new(),
            patterns: Vec::new(),
        }
    }

    /// All that was found.
    pub(super) fn done(self) -> Done {
        let broken = self.known.into_iter().filter(|(_, place)| place.is_none()).map(|(id, _)| id).collect();
        Done { wikis: self.made, broken, patterns: self.patterns, findings: self.findings }
    }

    /// Says something once.
    pub(super) fn say(&mut self, finding: Finding) {
        let place = format!("{:?}", finding.place);
        if self.said.insert((place, finding.field.clone(), finding.message.clone())) {
            self.findings.push(finding);
        }
    }

    /// Enumerates a farm.
    pub(super) fn farm(&mut self, index: usize, farm: &Farm) {
        let listed = listed(farm);
        let used = used(farm);
        let unlisted: Vec<&str> = used.iter().copied().filter(|name| !listed.contains(name)).collect();
        if !unlisted.is_empty() && matches!(self.mode, Mode::Monoversion { .. }) {
            let message = format!(
                "has a wikiID with {}, of which there is no list, so that its wikis are not known",
                without_list(farm, &unlisted)
            );
            self.findings.push(Finding::error(farm.wiki_id.mark, farm.wiki_id.path.clone(), message).hint(format!(
                "add the list: `variables: [{{variable: {}, values: […]}}]`, or `file:` with a file's name",
                unlisted.iter().find(|name| !has_list(farm, name)).unwrap_or(&unlisted[0])
            )));
            return;
        }

        let is_hole = |name: &str| listed.contains(name) || unlisted.contains(&name);
        let shapes = farm.server.shapes(&is_hole);
        let mut is_enumerated = shapes.is_some();
        if shapes.is_none() {
            let open: Vec<&str> =
                farm.server.groups().iter().map(String::as_str).filter(|name| !listed.contains(name)).collect();
            let what = if open.is_empty() { "its parts without name".to_owned() } else { quoted(&open) };
            let message = format!(
                "has hosts that cannot be enumerated, because there is no list of {what}: each \
                                   request is matched"
            );
            self.pattern(index, farm, message);
        }
        // Without hosts there is one shape, of the listed variables alone.
        let shapes = shapes.unwrap_or_else(|| {
            vec![farm.server.groups().iter().filter(|name| is_hole(name)).map(|n| Part::Hole(n.clone())).collect()]
        });
        let has_hosts = is_enumerated;
        let mut checked = Checked::new();
        let mut unread = 0;
        for (holes, shapes) in by_holes(&shapes) {
            let wanted: BTreeSet<&str> = holes.iter().copied().filter(|name| listed.contains(name)).collect();
            let Some(combinations) = self.combinations(farm, &wanted, &mut checked) else { continue };
            let combinations = if unlisted.iter().any(|name| holes.contains(name)) {
                match self.those_with_versions(farm, &combinations, &holes) {
                    Ok(combinations) => combinations,
                    Err(reason) => {
                        if is_enumerated {
                            self.pattern(index, farm, reason);
                        }
                        is_enumerated = false;
                        continue;
                    }
                }
            } else {
                combinations
            };
            for combination in &combinations {
                if has_hosts {
                    self.hosts(index, farm, &used, combination, &shapes, unlisted.is_empty(), &mut unread);
                } else {
                    let captured =
                        combination.values.iter().map(|(name, value)| ((*name).to_owned(), value.to_string()));
                    let resolved =
                        Resolved { captured: captured.collect(), host: None, is_explicit: unlisted.is_empty() };
                    self.wiki(index, farm, &used, combination, resolved);
                }
            }
        }
        if unread > MAX_NAMED {
            let message = format!("reads {} more combinations otherwise", unread - MAX_NAMED);
            self.say(Finding::warning(farm.server_mark, format!("{}.server", farm.name), message));
        }
    }

    fn pattern(&mut self, index: usize, farm: &Farm, message: String) {
        let matcher = farm.server.matcher().clone();
        let field = format!("{}.server", farm.name);
        if !matcher.is_quick {
            let message = "repeats something of no fixed length without end, and cannot be enumerated: matching it \
                           might take exponential time";
            let hint = "list the variables, or write it without a repetition within a repetition";
            self.say(Finding::error(farm.server_mark, field, message).hint(hint));
            return;
        }
        self.say(Finding::warning(farm.server_mark, field, message));
        let target = Target::Wiki { suffix: farm.suffix.template.written(), id: farm.wiki_id.template.written() };
        self.patterns.push((index, Pattern { farm: farm.name.clone(), matcher, target, mark: farm.mark }));
    }

    /// The hosts of one combination, and the wikis that answer there.
    #[expect(clippy::too_many_arguments, reason = "all of it changes from call to call")]
    fn hosts(
        &mut self,
        index: usize,
        farm: &Farm,
        used: &BTreeSet<&str>,
        combination: &Combination<'_>,
        shapes: &[&Shape],
        is_explicit: bool,
        unread: &mut usize,
    ) {
        let server = || format!("{}.server", farm.name);
        for shape in shapes {
            let mut host = String::new();
            for part in *shape {
                match part {
                    Part::Text(text) => host.push_str(text),
                    Part::Hole(name) => host.push_str(combination.get(name).unwrap_or_default()),
                }
            }
            let (mark, field) = combination.origin.clone().unwrap_or_else(|| (farm.server_mark, server()));
            let captured = farm.server.read(&host);
            let is_read = captured.as_ref().is_some_and(|captured| {
                combination.values.iter().all(|(name, value)| captured.get(*name).is_some_and(|own| **own == **value))
            });
            let Some(captured) = captured.filter(|_| is_read) else {
                *unread += 1;
                if *unread <= MAX_NAMED {
                    let message = format!(
                        "reads `{}` otherwise than that {}, so that nobody gets there",
                        host.escape_debug(),
                        combination.describe()
                    );
                    self.say(Finding::warning(farm.server_mark, server(), message));
                }
                continue;
            };
            match Host::new(&host) {
                Ok(host) => {
                    let resolved = Resolved { captured, host: Some(host), is_explicit };
                    self.wiki(index, farm, used, combination, resolved);
                }
                Err(error) => self.say(Finding::error(mark, field, error.to_string())),
            }
        }
    }

    /// All combinations of the values of these variables, in the order of the lists.
    fn combinations<'f>(
        &mut self,
        farm: &'f Farm,
        wanted: &BTreeSet<&str>,
        checked: &mut Checked,
    ) -> Option<Vec<Combination<'f>>> {
        let mut left: Vec<(usize, &Variable)> =
            farm.variables.iter().enumerate().filter(|(_, variable)| wanted.contains(&*variable.name)).collect();
        let mut combinations = vec![Combination { values: Vec::new(), version: None, origin: None }];
        while !left.is_empty() {
            // A file's name may have variables: those come first.
            let placed: Vec<&str> = combinations.first()?.values.iter().map(|(name, _)| *name).collect();
            let is_ready = |variable: &Variable| match &variable.values {
                Values::File(file) => file.template.names().all(|name| name == "FARM" || placed.contains(&name)),
                Values::Here(_) => true,
            };
            let Some(next) = left.iter().position(|(_, variable)| is_ready(variable)) else {
                for (_, variable) in left {
                    if let Values::File(file) = &variable.values {
                        let message = "has a variable whose values are not known before this list is read";
                        self.say(Finding::error(file.mark, file.path.clone(), message));
                    }
                }
                return None;
            };
            let (place, variable) = left.remove(next);
            let mut more = Vec::new();
            for combination in &combinations {
                let Some(items) = self.items(farm, place, variable, combination, checked) else { continue };
                if more.len() + items.len() > MAX_WIKIS {
                    let message = format!("has more than {MAX_WIKIS} combinations of values");
                    self.say(Finding::error(farm.mark, format!("{}.variables", farm.name), message));
                    return None;
                }
                for item in items.iter() {
                    let mut combination = combination.clone();
                    combination.values.push((&variable.name, Rc::clone(&item.value)));
                    if let Some(version) = &item.version
                        && combination.version.as_ref().is_none_or(|(other, ..)| *other < place)
                    {
                        combination.version = Some((place, version.clone(), item.field.clone()));
                    }
                    combination.origin = Some((item.mark, item.field.clone()));
                    more.push(combination);
                }
            }
            if more.is_empty() {
                return Some(Vec::new());
            }
            combinations = more;
        }
        Some(combinations)
    }

    /// The values of a variable that its group can have.
    fn items(
        &mut self,
        farm: &Farm,
        place: usize,
        variable: &Variable,
        combination: &Combination<'_>,
        checked: &mut Checked,
    ) -> Option<Rc<[Item]>> {
        let file = match &variable.values {
            Values::Here(_) => String::new(),
            Values::File(file) => {
                let value = |name: &str| if name == "FARM" { Some(&*farm.name) } else { combination.get(name) };
                file.template.fill(value).ok()?
            }
        };
        let key = (place, file);
        if let Some(known) = checked.get(&key) {
            return known.clone();
        }
        let items = match &variable.values {
            Values::Here(items) => Some(items.clone().into()),
            Values::File(_) => self.lists.items(&key.1, &mut self.findings),
        };
        let fitting = items.map(|items| {
            let fits = |item: &&Item| {
                let value = &*item.value;
                if farm.server.fits(&variable.name, value) {
                    return true;
                }
                let shown = value.escape_debug();
                self.say(if farm.server.fits(&variable.name, &value.to_ascii_lowercase()) {
                    let message = format!("`{shown}` must be in lower case, as hosts are");
                    Finding::error(item.mark, item.field.clone(), message)
                } else {
                    let message = format!(
                        "`{shown}` is no value that the group `{}` of the farm `{}` can have, so that nobody gets there",
                        variable.name, farm.name
                    );
                    Finding::warning(item.mark, item.field.clone(), message)
                });
                false
            };
            items.iter().filter(fits).cloned().collect::<Rc<[Item]>>()
        });
        checked.insert(key, fitting.clone());
        fitting
    }

    /// In multiversion, an entry in `versions` makes a wiki exist: the values of variables without list follow from
    /// the wikiIDs there. Says why not, when they do not.
    fn those_with_versions<'f>(
        &mut self,
        farm: &'f Farm,
        combinations: &[Combination<'f>],
        holes: &BTreeSet<&str>,
    ) -> Result<Vec<Combination<'f>>, String> {
        let groups = || farm.server.groups().iter().map(String::as_str).filter(|name| holes.contains(name));
        let enumerated = listed(farm);
        let listed = |name: &str| enumerated.contains(name);
        let open: Vec<&str> = groups().filter(|name| !listed(name)).collect();
        let why = format!("has a wikiID with {}, of which there is no list", without_list(farm, &open));
        let Some(versions) = &farm.versions else {
            return Err(format!("{why}, and no `versions`: each request is matched"));
        };
        let own = [Piece::Text(farm.name.clone())];
        let suffix = farm.suffix.template.with("FARM", &own);
        let id: Template = farm.wiki_id.template.with("SUFFIX", suffix.pieces()).with("FARM", &own);
        let is_whole = open.iter().all(|open| id.names().any(|name| name == *open));
        if !is_whole || !id.can_invert(listed) {
            return Err(format!("{why}, and the wikiIDs in `versions` do not say its value: each request is matched"));
        }
        let mut found = Vec::new();
        for combination in combinations {
            let value = |name: &str| if name == "FARM" { Some(&*farm.name) } else { combination.get(name) };
            let Ok(file) = versions.template.with("SUFFIX", suffix.pieces()).fill(value) else {
                return Err(format!("{why}, and the name of the file of versions needs it: each request is matched"));
            };
            let Some(file) = self.lists.versions(&file, &mut self.findings) else { continue };
            for (name, mark) in file.names.iter().filter(|(name, _)| name != "default") {
                let fits = |group: &str, value: &str| farm.server.fits(group, value);
                let solutions = id.invert(name, value, fits, MAX_SOLUTIONS);
                let mut solutions: Vec<Combination<'f>> = solutions
                    .iter()
                    .filter_map(|solution| self.in_lists(farm, &enumerated, combination, solution))
                    .collect();
                if solutions.len() > 1 {
                    return Err(format!(
                        "{why}, and more than one host leads to the wikiID `{}` in `versions`: each request is matched",
                        name.escape_debug()
                    ));
                }
                let Some(mut combination) = solutions.pop() else { continue };
                // A suffix of the farm may stand there too, and is no wiki.
                if suffix.fill(|name| combination.get(name)).is_ok_and(|suffix| suffix == *name) {
                    continue;
                }
                combination.origin = Some((*mark, name.escape_debug().to_string()));
                found.push(combination);
                if found.len() > MAX_WIKIS {
                    return Err(format!(
                        "{why}, and more than {MAX_WIKIS} wikis in `versions`: each request is matched"
                    ));
                }
            }
        }
        let message = format!("{why}: its wikis are those that `versions` names");
        self.say(Finding::warning(farm.wiki_id.mark, farm.wiki_id.path.clone(), message));
        Ok(found)
    }

    /// Values with more values that follow from a wikiID, if those are in their lists. A file that cannot be read says
    /// that there is none of these wikis: which values are meant is only guessed.
    fn in_lists<'f>(
        &mut self,
        farm: &'f Farm,
        enumerated: &BTreeSet<&str>,
        combination: &Combination<'f>,
        solution: &[(String, String)],
    ) -> Option<Combination<'f>> {
        let mut combination = combination.clone();
        for group in farm.server.groups() {
            let value = solution.iter().find_map(|(name, value)| (name == group).then_some(value));
            combination.values.extend(value.map(|value| (group.as_str(), value.as_str().into())));
        }
        for (place, variable) in farm.variables.iter().enumerate() {
            let Values::File(file) = &variable.values else { continue };
            if enumerated.contains(&*variable.name) {
                continue;
            }
            let value = |name: &str| if name == "FARM" { Some(&*farm.name) } else { combination.get(name) };
            let file = file.template.fill(value).ok()?;
            let mut found = Vec::new();
            let items = self.lists.items(&file, &mut found);
            self.findings.extend(found.into_iter().filter(|finding| matches!(finding.place, Place::Mark(_))));
            let value = combination.get(&variable.name)?;
            let item = items?.iter().find(|item| &*item.value == value)?.clone();
            if let Some(version) = item.version {
                combination.version = Some((place, version, item.field));
            }
        }
        Some(combination)
    }
}

/// Whether there is a list of a variable.
fn has_list(farm: &Farm, name: &str) -> bool {
    farm.variables.iter().any(|variable| variable.name == name)
}

/// The variables whose lists can be read without any value of a variable that has none.
fn listed(farm: &Farm) -> BTreeSet<&str> {
    let mut listed: BTreeSet<&str> = farm.variables.iter().map(|variable| &*variable.name).collect();
    loop {
        let before = listed.len();
        for variable in &farm.variables {
            if let Values::File(file) = &variable.values
                && file.template.names().any(|name| name != "FARM" && !listed.contains(name))
            {
                listed.remove(&*variable.name);
            }
        }
        if listed.len() == before {
            return listed;
        }
    }
}

/// The names of variables that have no list at all, for a message.
fn without_list(farm: &Farm, names: &[&str]) -> String {
    let without: Vec<&str> = names.iter().copied().filter(|name| !has_list(farm, name)).collect();
    // A list may depend on a variable without list that is in no wikiID.
    quoted(if without.is_empty() { names } else { &without })
}

/// The captured variables that a wikiID or its suffix is made of.
fn used(farm: &Farm) -> BTreeSet<&str> {
    let names = || farm.suffix.template.names().chain(farm.wiki_id.template.names());
    let all = names().any(|name| name == "SERVER");
    farm.server.groups().iter().map(String::as_str).filter(|group| all || names().any(|name| name == *group)).collect()
}

/// Shapes with the same holes, together, in order of appearance.
fn by_holes(shapes: &[Shape]) -> Vec<(BTreeSet<&str>, Vec<&Shape>)> {
    let mut groups: Vec<(BTreeSet<&str>, Vec<&Shape>)> = Vec::new();
    for shape in shapes {
        let holes: BTreeSet<&str> = shape
            .iter()
            .filter_map(|part| match part {
                Part::Hole(name) => Some(name.as_str()),
                Part::Text(_) => None,
            })
            .collect();
        match groups.iter_mut().find(|(own, _)| *own == holes) {
            Some((_, shapes)) => shapes.push(shape),
            None => groups.push((holes, vec![shape])),
        }
    }
    groups
}

/// Names for a message: `` `a`, `b` ``.
fn quoted(names: &[&str]) -> String {
    format!("`{}`", names.join("`, `"))
}

/// The values of variables, for filling templates.
pub(super) type Variables = BTreeMap<String, String>;
