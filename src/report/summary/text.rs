//! A summary as text for people.

use std::fmt::Write;
use std::time::Duration;

use super::{LinkState, State, Summary, Tense, Wiki, WikiState};
use crate::farm::ExtensionId;
use crate::report::escaped;
use crate::report::table::{Column, LISTED, Row, WIDTH, table, wrap};

/// How many digits of a hash are shown; file names have all 32.
const DIGITS: usize = 12;

impl Summary {
    /// The text form: a table of wikis, one of sets, the load order, what is no longer used, the totals. The time
    /// is told when given.
    #[must_use]
    pub fn text(&self, tense: Tense, took: Option<Duration>) -> String {
        let mut parts = vec![self.wikis_text(), self.sets_text(tense)];
        if !self.order.is_empty() {
            parts.push(list("load order", &self.order.iter().map(short).collect::<Vec<_>>()));
        }
        if !self.removed.is_empty() {
            parts.push(list("no longer used", &self.removed));
        }
        if !self.links.is_empty() {
            let count = |state| self.links.iter().filter(|link| link.state == state).count();
            parts.push(format!(
                "links for MediaWikiFarm: {} created, {} kept, {} removed\n",
                count(LinkState::Created),
                count(LinkState::Kept),
                count(LinkState::Removed)
            ));
        }
        parts.push(self.totals(tense, took));
        parts.join("\n")
    }

    fn wikis_text(&self) -> String {
        let columns = [
            (Column::Left, "WIKI"),
            (Column::Left, "STATE"),
            (Column::Wrapped, "HOSTS"),
            (Column::Wrapped, "EXTENSIONS (+ pulled in)"),
            (Column::Right, "PACKAGES"),
            (Column::Left, "BUNDLE"),
        ];
        let rows = self.wikis.iter().map(|wiki| {
            let bundle = self.bundles.iter().find(|bundle| bundle.hash == wiki.bundle);
            let row = vec![
                vec![wiki.id.to_string()],
                vec![wiki.state.word().to_owned()],
                wiki.hosts.iter().map(ToString::to_string).collect(),
                wiki.extensions.iter().map(|id| format!("{}{}", wiki.mark(id), short(id))).collect(),
                vec![bundle.map_or_else(|| "-".to_owned(), |bundle| bundle.packages.len().to_string())],
                vec![wiki.bundle.as_str()[..DIGITS].to_owned()],
            ];
            (wiki.state == WikiState::Kept, row)
        });
        listed(&columns, rows.collect(), "wikis")
    }

    fn sets_text(&self, tense: Tense) -> String {
        let columns = [
            (Column::Left, "SET"),
            (Column::Left, "STATE"),
            (Column::Right, "PACKAGES"),
            (Column::Right, "CLASSES"),
            (Column::Left, "DIRECTORY"),
        ];
        let rows = self.sets.iter().map(|set| {
            let row = vec![
                vec![set.extension.as_ref().map_or_else(|| "(base)".to_owned(), short)],
                vec![set.state.word(tense).to_owned()],
                vec![set.packages.len().to_string()],
                vec![set.classes.to_string()],
                vec![set.directory.clone()],
            ];
            (set.state == State::Kept, row)
        });
        listed(&columns, rows.collect(), "sets")
    }

    fn totals(&self, tense: Tense, took: Option<Duration>) -> String {
        let created = match tense {
            Tense::Done => "created",
            Tense::Planned => "to create",
        };
        let new_bundles = self.bundles.iter().filter(|bundle| bundle.state == State::Created).count();
        let new_sets = self.sets.iter().filter(|set| set.state == State::Created).count();
        let affected = self.wikis.iter().filter(|wiki| wiki.state != WikiState::Kept).count();
        let time = took.map_or_else(String::new, |took| format!(" in {:.3} s", took.as_secs_f64()));
        format!(
            "{} ({affected} affected), {} ({new_bundles} {created}), {} ({new_sets} {created}){time}\ngeneration {}\n",
            counted(self.wikis.len(), "wiki"),
            counted(self.bundles.len(), "bundle"),
            counted(self.sets.len(), "set"),
            self.generation,
        )
    }
}

impl Wiki {
    fn mark(&self, extension: &ExtensionId) -> &'static str {
        if self.pulled_in.contains(extension) { "+" } else { "" }
    }
}

impl State {
    fn word(self, tense: Tense) -> &'static str {
        match (self, tense) {
            (Self::Created, Tense::Done) => "created",
            (Self::Created, Tense::Planned) => "create",
            (Self::Kept, Tense::Done) => "kept",
            (Self::Kept, Tense::Planned) => "keep",
        }
    }
}

impl WikiState {
    fn word(self) -> &'static str {
        match self {
            Self::Created => "new",
            Self::Changed => "changed",
            Self::Kept => "unchanged",
            Self::Removed => "removed",
        }
    }
}

/// An extension as people call it: without `extensions/`, skins with `skins/`.
fn short(extension: &ExtensionId) -> String {
    extension.as_str().strip_prefix("extensions/").unwrap_or(extension.as_str()).to_owned()
}

/// A table that stays readable for large farms: past [`LISTED`] rows it leaves out those that nothing happens to,
/// then all that follow, and says how many. Each row comes with whether nothing happens to it.
fn listed(columns: &[(Column, &str)], rows: Vec<(bool, Row)>, what: &str) -> String {
    let total = rows.len();
    let all = total <= LISTED;
    let shown: Vec<Row> = rows.into_iter().filter(|(kept, _)| all || !kept).map(|(_, row)| row).take(LISTED).collect();
    let left_out = total - shown.len();
    let mut text = if shown.is_empty() { String::new() } else { table(columns, &shown) };
    if left_out > 0 {
        let more = if shown.is_empty() { "" } else { "more " };
        let _ = writeln!(text, "({left_out} {more}{what} not listed; `--format json` has them all)");
    }
    text
}

/// A list with its title in front, wrapped and indented.
fn list(title: &str, items: &[String]) -> String {
    let items: Vec<String> = items.iter().map(|item| escaped(item).into_owned()).collect();
    let indent = " ".repeat(title.len() + 2);
    let lines = wrap(&items, WIDTH.saturating_sub(indent.len()));
    format!("{title}: {}\n", lines.join(&format!("\n{indent}")))
}

fn counted(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::summary::tests::{summary, wiki};

    #[test]
    fn text_fits_one_screen() {
        assert_eq!(
            summary().text(Tense::Done, Some(Duration::from_micros(41_700))),
            r"WIKI  STATE      HOSTS                 EXTENSIONS (+ pulled in)           PACKAGES  BUNDLE
bare  unchanged  bare.example.org                                                1  e3b0c44298fc
maps  new        maps.example.org,     +Validator, Maps, skins/chameleon         4  04c329dc1946
                 www.example.org/maps

SET        STATE    PACKAGES  CLASSES  DIRECTORY
(base)     kept            1        9  composere3b0c44298fc1c149afbf4c8996fb924
Maps       created         2      120  composer6cdda564c4a0f4c7d41b52d231aa11b7
Validator  created         1        1  composer1f1573d068ae21dc0282dd3431470ccd

load order: Validator, Maps, skins/chameleon

no longer used: composer00000000000000000000000000000000

2 wikis (1 affected), 2 bundles (1 created), 3 sets (2 created) in 0.042 s
generation e661f4c935e8a5a83349afb5e347695c
"
        );
    }

    #[test]
    fn a_plan_tells_what_would_be() {
        let mut planned = summary();
        planned.removed.clear();
        planned.order.clear();
        planned.wikis.remove(0);
        planned.sets.truncate(1);
        planned.bundles.truncate(1);
        assert_eq!(
            planned.text(Tense::Planned, None),
            r"WIKI  STATE  HOSTS                 EXTENSIONS (+ pulled in)           PACKAGES  BUNDLE
maps  new    maps.example.org,     +Validator, Maps, skins/chameleon         -  04c329dc1946
             www.example.org/maps

SET     STATE  PACKAGES  CLASSES  DIRECTORY
(base)  keep          1        9  composere3b0c44298fc1c149afbf4c8996fb924

1 wiki (1 affected), 1 bundle (0 to create), 1 set (0 to create)
generation e661f4c935e8a5a83349afb5e347695c
"
        );
    }

    #[test]
    fn large_farms_list_what_changes() {
        let mut large = summary();
        let kept = |n: usize| wiki(&format!("wiki{n}"), &[], &[], &[], WikiState::Kept);
        large.wikis.extend((0..LISTED).map(kept));
        let text = large.text(Tense::Done, None);
        assert!(text.contains("\nmaps  new"), "{text}");
        assert!(!text.contains("wiki0") && !text.contains("bare"), "{text}");
        assert!(text.contains("\n(41 more wikis not listed; `--format json` has them all)\n"), "{text}");

        large.wikis.retain(|wiki| wiki.state == WikiState::Kept);
        let text = large.text(Tense::Done, None);
        assert!(text.starts_with("(41 wikis not listed; `--format json` has them all)\n\nSET"), "{text}");
    }
}
