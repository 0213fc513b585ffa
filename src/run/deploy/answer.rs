//! The answers of commands about deployed wikis: text for people, JSON for programs.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::json;

use super::super::formatted;
use crate::cli::Format;
use crate::deploy::attempt::{Failure, Outcome, Plan};
use crate::deploy::create::{self, Created};
use crate::deploy::engine::told;
use crate::deploy::journal::Stage;
use crate::deploy::name::Name;
use crate::deploy::order::Observed;
use crate::deploy::reconcile::Reconciled;
use crate::deploy::release::ReleaseId;
use crate::deploy::retire::Deletion;
use crate::deploy::status::{Detail, Line, Status};
use crate::report::table::{self, Row};
use crate::report::{Output, Problem, escaped};

/// The version of the JSON forms.
const SCHEMA: &str = "1.0.0";

type Answer = Result<Output, Vec<Problem>>;

fn answer(format: Format, text: impl FnOnce() -> String, json: &impl Serialize) -> Answer {
    let json = || serde_json::to_string_pretty(json).map(|json| json + "\n");
    Ok(Output::done(formatted(format, text, json)?))
}

/// One line for people.
pub(super) fn line(text: &str) -> Output {
    Output::done(format!("{}\n", escaped(text)))
}

/// What came of a deploy.
pub(super) fn outcome(name: &Name, outcome: &Outcome, format: Format) -> Answer {
    let (word, release, why) = match outcome {
        Outcome::Deployed(release) => ("deployed", Some(release), None),
        Outcome::Unchanged(release) => ("unchanged", Some(release), None),
        Outcome::Skipped(why) => ("skipped", None, Some(why)),
    };
    let text = || match outcome {
        Outcome::Deployed(release) => format!("`{name}` serves release {}\n", release.release),
        Outcome::Unchanged(release) => format!("`{name}` serves release {} already\n", release.release),
        Outcome::Skipped(why) => format!("{}\n", escaped(why)),
    };
    answer(format, text, &json!({"schema": SCHEMA, "wiki": name, "outcome": word, "release": release, "why": why}))
}

/// What became of a deploy that failed, and what is served: programs read it on the standard output, too.
pub(super) fn failure(name: &Name, failure: Failure, served: Option<&ReleaseId>, format: Format) -> Answer {
    let Failure { stage, problem } = failure;
    let word = match stage {
        Stage::RolledBack => "rolled_back",
        Stage::NeedsOperator => "needs_operator",
        _ => "failed",
    };
    let json = json!({
        "schema": SCHEMA, "wiki": name, "outcome": word, "release": served, "error": told(&problem),
        "hint": problem.hint,
    });
    Ok(answer(format, String::new, &json)?.but(vec![problem]))
}

/// What a deploy would do.
pub(super) fn plan(name: &Name, plan: &Plan, format: Format) -> Answer {
    let text = || {
        let mut text = format!("`{name}` would serve {} of {}", plan.code.short(), plan.branch);
        if let Some(config) = &plan.config {
            let _ = write!(text, " with configuration {}", config.short());
        }
        match &plan.current {
            Some(current) => {
                let _ = writeln!(text, ", instead of release {current}");
            }
            None => text.push_str(", its first release\n"),
        }
        for step in &plan.steps {
            let _ = writeln!(text, "  {step}");
        }
        text
    };
    let json = json!({
        "schema": SCHEMA, "wiki": name, "code": plan.code, "config": plan.config, "current": plan.current,
        "branch": plan.branch, "steps": plan.steps,
    });
    answer(format, text, &json)
}

/// What was made.
pub(super) fn created(created: &Created, format: Format) -> Answer {
    let wiki = &created.wiki;
    let text = || {
        if created.changed.is_empty() {
            return format!("`{}` is there already, at http://{}\n", wiki.name, wiki.host);
        }
        let branch = wiki.branch.trim_start_matches("refs/heads/");
        format!(
            "`{}` is served at http://{} from branch `{branch}`, release {}\n",
            wiki.name, wiki.host, created.release.release
        )
    };
    let json = json!({"schema": SCHEMA, "wiki": wiki, "release": created.release, "changed": created.changed});
    answer(format, text, &json)
}

/// What would be made.
pub(super) fn planned(plan: &create::Plan, format: Format) -> Answer {
    let create::Plan { name, host, base, state, steps } = plan;
    let text = || {
        if steps.is_empty() {
            return format!("`{name}` is there already, at http://{host}\n");
        }
        let done = if state.is_some() { "finished" } else { "made" };
        let mut text = format!("`{name}` would be {done} at {host}, with\n");
        let _ = writeln!(text, "  user {}, branch wiki/{name}, database {}", name.user(), name.database());
        let _ = writeln!(text, "  base {}", escaped(base));
        let _ = writeln!(text, "  steps: {}", steps.join(", "));
        text
    };
    let json = json!({
        "schema": SCHEMA, "name": name, "state": state, "host": host, "user": name.user(), "database": name.database(),
        "branch": format!("refs/heads/wiki/{name}"), "base": base, "steps": steps,
    });
    answer(format, text, &json)
}

/// What would be deleted.
pub(super) fn deletion(plan: &Deletion, format: Format) -> Answer {
    let text = || {
        let mut text = format!("`{}`, which is {}, would be deleted, with\n", plan.wiki, plan.state.word());
        let _ = writeln!(text, "  host {}", plan.host);
        for (what, name) in [("user", &plan.user), ("database", &plan.database)] {
            if let Some(name) = name {
                let _ = writeln!(text, "  {what} {name}");
            }
        }
        for path in &plan.paths {
            let _ = writeln!(text, "  {}", escaped(&path.to_string_lossy()));
        }
        let branch = plan.branch.trim_start_matches("refs/heads/");
        let _ = writeln!(text, "kept: branch {branch}, {}", escaped(&plan.journal.to_string_lossy()));
        text
    };
    let json = json!({
        "schema": SCHEMA, "wiki": plan.wiki, "state": plan.state, "host": plan.host, "user": plan.user,
        "database": plan.database, "paths": plan.paths, "kept": {"branch": plan.branch, "journal": plan.journal},
    });
    answer(format, text, &json)
}

/// The wikis, for `wiki list`.
pub(super) fn list(status: &Status, format: Format) -> Answer {
    let text = || {
        let rows: Vec<Row> = status.wikis.iter().map(row).collect();
        table::list(&["Wiki", "State", "Host", "Release", "Owners"], &rows)
    };
    answer(format, text, status)
}

fn row(line: &Line) -> Row {
    let wiki = &line.wiki;
    vec![
        vec![wiki.name.to_string()],
        vec![state(line)],
        vec![wiki.host.to_string()],
        vec![release(line.release.as_ref())],
        wiki.owners.clone(),
    ]
}

fn release(release: Option<&ReleaseId>) -> String {
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
pub(super) fn status(status: &Status, format: Format) -> Answer {
    let text = || {
        let rows: Vec<Row> = status
            .wikis
            .iter()
            .map(|line| {
                let wiki = &line.wiki;
                let desired = wiki.desired.as_ref().map(|desired| desired.code.short().to_owned());
                let served = line.release.as_ref().map(|release| release.short.clone());
                let waits = desired.filter(|desired| Some(desired) != served.as_ref());
                vec![
                    vec![wiki.name.to_string()],
                    vec![state(line)],
                    vec![release(line.release.as_ref())],
                    vec![waits.unwrap_or_else(|| "-".to_owned())],
                ]
            })
            .collect();
        let mut text = table::list(&["Wiki", "State", "Release", "Waits"], &rows);
        for line in &status.wikis {
            let wiki = &line.wiki;
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
        if status.queue > 0 {
            let _ = writeln!(text, "\n{} pushes wait to be looked at", status.queue);
        }
        text
    };
    answer(format, text, status)
}

/// A wiki with all that is known of it.
pub(super) fn detail(detail: &Detail, format: Format) -> Answer {
    let text = || {
        let wiki = &detail.wiki;
        let mut text = String::new();
        let mut field = |name: &str, value: String| {
            let _ = writeln!(text, "{name:<10} {}", escaped(&value));
        };
        field("wiki", wiki.name.to_string());
        field("state", wiki.state.word().to_owned());
        field("host", wiki.host.to_string());
        field("branch", wiki.branch.clone());
        field("base", wiki.base.clone());
        if let Some(uid) = wiki.uid {
            field("user", format!("{} ({uid})", wiki.name.user()));
        }
        field("owners", wiki.owners.join(", "));
        if let Some(expires) = wiki.expires {
            field("expires", time(expires));
        }
        if let Some(release) = &detail.release {
            field("release", release.release.to_string());
            field("code", release.code.to_string());
            field("config", release.config.as_ref().map_or_else(|| "the working file".to_owned(), ToString::to_string));
            field("extensions", release.extensions.join(", "));
        }
        let releases: Vec<String> = detail.releases.iter().map(ToString::to_string).collect();
        field("releases", releases.join(", "));
        for bad in &wiki.bad {
            field("bad", format!("{}: {}", bad.code.short(), bad.why));
        }
        if let Some(held) = &wiki.held {
            field("held", format!("by {} since {}: {}", held.by, time(held.since), held.why));
        }
        if let Some(broken) = &wiki.broken {
            field("broken", format!("{}: {}", broken.step, broken.error));
            if let Some(hint) = &broken.needs_operator {
                field("operator", hint.clone());
            }
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

/// Seconds since 1970 as `2026-11-25 21:56:13Z`: days by the civil calendar.
fn time(seconds: u64) -> String {
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

/// What was mended.
pub(super) fn reconciled(found: Reconciled, format: Format) -> Answer {
    let text = || {
        let mut text = String::new();
        for (name, done) in &found.wikis {
            for what in done {
                let _ = writeln!(text, "{name}: {}", escaped(what));
            }
        }
        for what in &found.strangers {
            let _ = writeln!(text, "{}", escaped(what));
        }
        if text.is_empty() && found.problems.is_empty() {
            text.push_str("nothing differs\n");
        }
        text
    };
    let json = json!({"schema": SCHEMA, "wikis": found.wikis, "strangers": found.strangers});
    Ok(answer(format, text, &json)?.but(found.problems))
}

/// What an order changed, and what there is now.
pub(super) fn applied(changed: bool, observed: &Observed, format: Format) -> Answer {
    let text = || format!("{}\n{}", if changed { "changed" } else { "unchanged" }, seen(observed));
    answer(format, text, &json!({"schema": SCHEMA, "changed": changed, "observed": observed}))
}

/// What there is.
pub(super) fn observed(observed: &[Observed], format: Format) -> Answer {
    answer(format, || observed.iter().map(seen).collect(), &json!({"schema": SCHEMA, "wikis": observed}))
}

fn seen(observed: &Observed) -> String {
    let health = match &observed.health.reason {
        None => "answers".to_owned(),
        Some(reason) => format!("does not answer: {reason}"),
    };
    format!("{}: release {}, {}\n", observed.wiki, release(observed.release.as_ref()), escaped(&health))
}

/// The wikis whose time is over.
pub(super) fn expired(expired: &[Name], dry_run: bool, format: Format) -> Answer {
    let text = || {
        let word = if dry_run { "would be archived" } else { "is archived" };
        expired.iter().fold(String::new(), |text, name| text + &format!("`{name}` {word}: its time is over\n"))
    };
    answer(format, text, &json!({"schema": SCHEMA, "expired": expired, "dry_run": dry_run}))
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
