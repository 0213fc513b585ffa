//! The answers of commands about deployed wikis: text for people, JSON for programs.

mod wikis;

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
use crate::deploy::reconcile::Reconciled;
use crate::deploy::release::ReleaseId;
use crate::deploy::retire::Deletion;
use crate::report::{ExitCode, Output, Problem, escaped};

pub(super) use wikis::{detail, list, release, status, time};

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
