//! The answers of commands about deployed wikis: text for people, JSON for programs.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Value, json};

use super::super::formatted;
use crate::cli::Format;
use crate::deploy::attempt::{All, Failure, One, Outcome, Plan, Planned};
use crate::deploy::create::{self, Created};
use crate::deploy::engine::told;
use crate::deploy::journal::Stage;
use crate::deploy::name::Name;
use crate::deploy::options::Backend;
use crate::deploy::outdated::Outdated;
use crate::deploy::reconcile::Reconciled;
use crate::deploy::release::ReleaseId;
use crate::deploy::retire::Deletion;
use crate::deploy::status::{Detail, Line, Status};
use crate::report::table::{self, Row};
use crate::report::{ExitCode, Output, Problem, escaped};

/// The version of the JSON forms.
const SCHEMA: &str = "1.0.0";

pub(super) type Answer = Result<Output, Vec<Problem>>;

pub(super) fn answer(format: Format, text: impl FnOnce() -> String, json: &impl Serialize) -> Answer {
    let json = || serde_json::to_string_pretty(json).map(|json| json + "\n");
    Ok(Output::done(formatted(format, text, json)?))
}

/// One line for people.
pub(super) fn line(text: &str) -> Output {
    Output::done(format!("{}\n", escaped(text)))
}

/// What came of a deploy.
pub(super) fn outcome(name: &Name, outcome: &Outcome, format: Format) -> Answer {
    answer(format, || outcome_text(name, outcome), &with_schema(outcome_json(name, outcome)))
}

fn outcome_text(name: &Name, outcome: &Outcome) -> String {
    match outcome {
        Outcome::Deployed(release) => format!("`{name}` serves release {}\n", release.release),
        Outcome::Unchanged(release) => format!("`{name}` serves release {} already\n", release.release),
        Outcome::Skipped(why) => format!("{}\n", escaped(why)),
    }
}

fn outcome_json(name: &Name, outcome: &Outcome) -> Value {
    let (word, release, why) = match outcome {
        Outcome::Deployed(release) => ("deployed", Some(release), None),
        Outcome::Unchanged(release) => ("unchanged", Some(release), None),
        Outcome::Skipped(why) => ("skipped", None, Some(why)),
    };
    json!({"wiki": name, "outcome": word, "release": release, "why": why})
}

/// What became of a deploy that failed, and what is served: programs read it on the standard output, too.
pub(super) fn failure(name: &Name, failure: Failure, served: Option<&ReleaseId>, format: Format) -> Answer {
    let json = with_schema(failure_json(name, &failure, served));
    Ok(answer(format, String::new, &json)?.but(vec![failure.problem]))
}

fn failure_json(name: &Name, failure: &Failure, served: Option<&ReleaseId>) -> Value {
    let Failure { stage, problem } = failure;
    let word = match stage {
        Stage::RolledBack => "rolled_back",
        Stage::NeedsOperator => "needs_operator",
        _ => "failed",
    };
    json!({
        "wiki": name, "outcome": word, "release": served, "error": told(problem), "hint": problem.hint,
    })
}

/// What came of the deploys of all wikis. It has failed when one has.
pub(super) fn outcomes(all: All<Result<Outcome, Failure>>, format: Format) -> Answer {
    let All { wikis: all, damaged: mut problems } = all;
    let text = || {
        let mut text = String::new();
        let mut counts = [0; 4];
        for One { name, what, served } in &all {
            let count = match what {
                Ok(Outcome::Deployed(_)) => 0,
                Ok(Outcome::Unchanged(_)) => 1,
                Ok(Outcome::Skipped(_)) => 2,
                Err(_) => 3,
            };
            counts[count] += 1;
            match (what, served) {
                (Ok(outcome), _) => text.push_str(&outcome_text(name, outcome)),
                (Err(_), Some(served)) => {
                    let _ = writeln!(text, "`{name}` failed, and serves release {served}");
                }
                (Err(_), None) => {
                    let _ = writeln!(text, "`{name}` failed, and serves nothing");
                }
            }
        }
        let counts = counts.iter().zip(["deployed", "unchanged", "skipped", "failed"]).filter(|(count, _)| **count > 0);
        let counts: Vec<String> = counts.map(|(count, word)| format!("{count} {word}")).collect();
        let _ =
            writeln!(text, "{}", if counts.is_empty() { "there are no wikis".to_owned() } else { counts.join(", ") });
        text
    };
    let wikis: Vec<Value> = all
        .iter()
        .map(|One { name, what, served }| match what {
            Ok(outcome) => outcome_json(name, outcome),
            Err(failure) => failure_json(name, failure, served.as_ref()),
        })
        .collect();
    let output = answer(format, text, &json!({"schema": SCHEMA, "wikis": wikis}))?;
    problems.extend(all.into_iter().filter_map(|one| one.what.err()).map(|failure| failure.problem));
    Ok(failed_with(output, problems))
}

/// A result that has failed if anything has.
fn failed_with(output: Output, problems: Vec<Problem>) -> Output {
    if problems.is_empty() { output } else { output.but(problems).exit(ExitCode::Failed) }
}

/// What a deploy would do.
pub(super) fn plan(name: &Name, plan: &Plan, format: Format) -> Answer {
    answer(format, || plan_text(name, plan), &with_schema(plan_json(name, plan)))
}

fn plan_text(name: &Name, plan: &Plan) -> String {
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
}

fn plan_json(name: &Name, plan: &Plan) -> Value {
    json!({
        "wiki": name, "code": plan.code, "config": plan.config, "current": plan.current, "branch": plan.branch,
        "steps": plan.steps,
    })
}

/// What deploys of all wikis would do.
pub(super) fn plans(all: All<Result<Planned, Problem>>, format: Format) -> Answer {
    let All { wikis: all, damaged: mut problems } = all;
    let text = || {
        let mut text = String::new();
        for One { name, what, .. } in &all {
            match what {
                Ok(Planned::Deploy(plan)) => text.push_str(&plan_text(name, plan)),
                Ok(Planned::Skip(why)) => {
                    let _ = writeln!(text, "{}", escaped(why));
                }
                Err(_) => {
                    let _ = writeln!(text, "`{name}` would fail");
                }
            }
        }
        text
    };
    let wikis = all.iter().map(|One { name, what, .. }| match what {
        Ok(Planned::Deploy(plan)) => plan_json(name, plan),
        Ok(Planned::Skip(why)) => json!({"wiki": name, "why": why}),
        Err(problem) => json!({"wiki": name, "error": told(problem), "hint": problem.hint}),
    });
    let wikis: Vec<Value> = wikis.collect();
    let output = answer(format, text, &json!({"schema": SCHEMA, "wikis": wikis}))?;
    problems.extend(all.into_iter().filter_map(|one| one.what.err()));
    Ok(failed_with(output, problems))
}

fn with_schema(json: Value) -> Value {
    let mut all = json!({"schema": SCHEMA});
    if let (Value::Object(all), Value::Object(fields)) = (&mut all, json) {
        all.extend(fields);
    }
    all
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

pub(super) fn release(release: Option<&ReleaseId>) -> String {
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
        let old: Vec<String> = status
            .wikis
            .iter()
            .filter(|line| !line.outdated.is_empty())
            .map(|line| format!("{} ({})", line.wiki.name, changed(&line.outdated)))
            .collect();
        if !old.is_empty() {
            let shown = old.iter().take(MAX_OLD).cloned().collect::<Vec<_>>().join(", ");
            let more = old.len().checked_sub(MAX_OLD).filter(|more| *more > 0);
            let more = more.map(|more| format!(" and {more} more")).unwrap_or_default();
            let _ = writeln!(
                text,
                "\nserved as before a change: {shown}{more}\n  `mwfarm deploy --all --again` makes new releases"
            );
        }
        if status.queue > 0 {
            let _ = writeln!(text, "\n{} pushes wait to be looked at", status.queue);
        }
        text
    };
    answer(format, text, status)
}

/// How many wikis are told that have releases of before a change.
const MAX_OLD: usize = 10;

/// What has changed since a release was made.
fn changed(outdated: &[Outdated]) -> String {
    outdated.iter().map(|outdated| outdated.words()).collect::<Vec<_>>().join(", ")
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
        if let Some(backend) = detail.served_by {
            field("web", backend.word().to_owned());
        }
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
            if !detail.outdated.is_empty() {
                let hint = format!("`mwfarm deploy {} --again` makes a new release", wiki.name);
                field("changed", format!("{}, since the release was made: {hint}", changed(&detail.outdated)));
            }
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
        for entry in &detail.audit {
            field("used", format!("{} {}", time(entry.at), entry.why));
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
pub(super) fn time(seconds: u64) -> String {
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
