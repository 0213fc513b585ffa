//! What is known of wikis: `wiki list`, `wiki show`, `status`.

use std::fmt::Write as _;

use super::{Answer, answer};
use crate::cli::Format;
use crate::deploy::options::Backend;
use crate::deploy::outdated::Outdated;
use crate::deploy::record::Wiki;
use crate::deploy::release::{ReleaseId, Sha};
use crate::deploy::status::{Detail, Line, Status};
use crate::report::escaped;
use crate::report::table::{self, Row};

/// The wikis, for `wiki list`.
pub(in crate::run::deploy) fn list(status: &Status, format: Format) -> Answer {
    let text = || {
        let rows: Vec<Row> = status.wikis.iter().map(row).collect();
        table::list(&["Wiki", "State", "Host", "Web", "Release", "Owners"], &rows)
    };
    answer(format, text, status)
}

fn row(line: &Line) -> Row {
    let wiki = &line.wiki;
    vec![
        vec![wiki.name.to_string()],
        vec![state(line)],
        vec![wiki.host.to_string()],
        vec![line.served_by.map_or("-", Backend::word).to_owned()],
        vec![release(line.release.as_ref())],
        wiki.owners.clone(),
    ]
}

pub(in crate::run::deploy) fn release(release: Option<&ReleaseId>) -> String {
    release.map_or_else(|| "-".to_owned(), ToString::to_string)
}

fn state(line: &Line) -> String {
    let wiki = &line.wiki;
    match (&wiki.broken, &wiki.held) {
        (Some(broken), _) if broken.needs_operator.is_some() => "needs operator".to_owned(),
        (Some(broken), _) if broken.step.starts_with("deploy of ") => {
            format!("{}, last deploy failed", wiki.state.word())
        }
        (Some(_), _) => format!("{}, broken", wiki.state.word()),
        (None, Some(_)) => format!("{}, held", wiki.state.word()),
        (None, None) => wiki.state.word().to_owned(),
    }
}

/// The farm, for `status`: one line for each wiki, and what is wrong below.
pub(in crate::run::deploy) fn status(status: &Status, format: Format) -> Answer {
    let text = || {
        let rows: Vec<Row> = status.wikis.iter().map(deploy_row).collect();
        let mut text = table::list(&["Wiki", "State", "Release", "Waits"], &rows);
        for line in &status.wikis {
            trouble(&line.wiki, &mut text);
        }
        old(status, &mut text);
        for daemon in &status.stopped {
            let _ = writeln!(text, "\n{} does not run", daemon.title());
        }
        if status.queue > 0 {
            let _ = writeln!(text, "\n{} pushes wait to be looked at", status.queue);
        }
        text
    };
    answer(format, text, status)
}

fn deploy_row(line: &Line) -> Row {
    let wiki = &line.wiki;
    let desired = wiki.desired.as_ref().map(|desired| desired.code.short());
    let served = line.release.as_ref().map(|release| release.short.as_str());
    let waits = desired.filter(|desired| Some(*desired) != served);
    vec![
        vec![wiki.name.to_string()],
        vec![state(line)],
        vec![release(line.release.as_ref())],
        vec![waits.unwrap_or("-").to_owned()],
    ]
}

/// Why a wiki is not as somebody wanted it.
fn trouble(wiki: &Wiki, text: &mut String) {
    if let Some(broken) = &wiki.broken {
        let _ = writeln!(text, "\n{}: {} failed: {}", wiki.name, broken.step, escaped(&broken.error));
        if let Some(hint) = &broken.needs_operator {
            let _ = writeln!(text, "  {}", escaped(hint));
        }
    }
    if let Some(held) = &wiki.held {
        let _ = writeln!(text, "\n{}: held by {}: {}", wiki.name, escaped(&held.by), escaped(&held.why));
    }
}

/// The wikis whose releases were made before a change.
fn old(status: &Status, text: &mut String) {
    let old = status.wikis.iter().filter(|line| !line.outdated.is_empty());
    let old: Vec<String> = old.map(|line| format!("{} ({})", line.wiki.name, changed(&line.outdated))).collect();
    if old.is_empty() {
        return;
    }
    let shown = old.iter().take(MAX_OLD).cloned().collect::<Vec<_>>().join(", ");
    let more = old.len().checked_sub(MAX_OLD).filter(|more| *more > 0);
    let more = more.map(|more| format!(" and {more} more")).unwrap_or_default();
    let _ = writeln!(
        text,
        "\nserved as before a change: {shown}{more}\n  `mwfarm deploy --all --again` makes new releases"
    );
}

/// How many wikis are told that have releases of before a change.
const MAX_OLD: usize = 10;

/// What has changed since a release was made.
fn changed(outdated: &[Outdated]) -> String {
    outdated.iter().map(|outdated| outdated.words()).collect::<Vec<_>>().join(", ")
}

/// A wiki with all that is known of it.
pub(in crate::run::deploy) fn detail(detail: &Detail, format: Format) -> Answer {
    let text = || {
        let mut text = String::new();
        record(detail, &mut text);
        served(detail, &mut text);
        what_keeps_it(&detail.wiki, &mut text);
        for entry in &detail.audit {
            field(&mut text, "used", &format!("{} {}", time(entry.at), entry.why));
        }
        for entry in &detail.journal {
            let release = entry.release.as_ref().map(|release| format!(" {release}")).unwrap_or_default();
            let why = if entry.why.is_empty() { String::new() } else { format!(" ({})", entry.why) };
            let error = entry.error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
            let line = format!("{} {} {}{release}{why}{error}", time(entry.at), entry.who, entry.stage.word());
            let _ = writeln!(text, "{}", escaped(&line));
        }
        text
    };
    answer(format, text, detail)
}

fn field(text: &mut String, name: &str, value: &str) {
    let _ = writeln!(text, "{name:<10} {}", escaped(value));
}

/// What it was made as.
fn record(detail: &Detail, text: &mut String) {
    let wiki = &detail.wiki;
    field(text, "wiki", wiki.name.as_str());
    field(text, "state", wiki.state.word());
    field(text, "host", wiki.host.as_str());
    if let Some(backend) = detail.served_by {
        field(text, "web", backend.word());
    }
    field(text, "branch", &wiki.branch);
    field(text, "base", &wiki.base);
    if let Some(uid) = wiki.uid {
        field(text, "user", &format!("{} ({uid})", wiki.name.user()));
    }
    field(text, "owners", &wiki.owners.join(", "));
    if let Some(expires) = wiki.expires {
        field(text, "expires", &time(expires));
    }
}

/// What it serves, and could.
fn served(detail: &Detail, text: &mut String) {
    if let Some(release) = &detail.release {
        field(text, "release", &release.release.to_string());
        field(text, "code", release.code.as_str());
        field(text, "config", release.config.as_ref().map_or("the working file", Sha::as_str));
        field(text, "extensions", &release.extensions.join(", "));
        if !detail.outdated.is_empty() {
            let hint = format!("`mwfarm deploy {} --again` makes a new release", detail.wiki.name);
            field(text, "changed", &format!("{}, since the release was made: {hint}", changed(&detail.outdated)));
        }
    }
    let releases: Vec<String> = detail.releases.iter().map(ToString::to_string).collect();
    field(text, "releases", &releases.join(", "));
}

/// Why it does not serve what it should.
fn what_keeps_it(wiki: &Wiki, text: &mut String) {
    for bad in &wiki.bad {
        field(text, "bad", &format!("{}: {}", bad.code.short(), bad.why));
    }
    if let Some(held) = &wiki.held {
        field(text, "held", &format!("by {} since {}: {}", held.by, time(held.since), held.why));
    }
    if let Some(broken) = &wiki.broken {
        field(text, "broken", &format!("{}: {}", broken.step, broken.error));
        if let Some(hint) = &broken.needs_operator {
            field(text, "operator", hint);
        }
    }
}

/// Seconds since 1970 as `2026-11-25 21:56:13Z`: days by the civil calendar.
pub(in crate::run::deploy) fn time(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Years begin with March here, so that the odd day comes last.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year}-{month:02}-{day:02} {:02}:{:02}:{:02}Z", rest / 3600, rest % 3600 / 60, rest % 60)
}

#[cfg(test)]
mod tests {
    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00Z"),
            (951_782_400, "2000-02-29 00:00:00Z"),
            (1_735_689_599, "2024-12-31 23:59:59Z"),
            (1_795_644_000, "2026-11-25 22:00:00Z"),
        ] {
            assert_eq!(super::time(seconds), text);
        }
    }
}
