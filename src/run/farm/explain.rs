//! `config explain`.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::json;

use super::super::formatted;
use super::Trees;
use super::show::named;
use crate::cli;
use crate::config::farms::Scope;
use crate::config::finding::Place;
use crate::config::settings::{Contribution, Level, Levels, State, Track, explain as contributions};
use crate::config::value::Node;
use crate::php;
use crate::report::{ExitCode, Output, Problem, escaped};

/// The version of the JSON form.
const SCHEMA: &str = "1.0.0";

/// Where a setting of a wiki comes from.
pub(in crate::run) fn explain(tree: &Path, flags: &cli::Explain) -> Result<Output, Vec<Problem>> {
    let configuration = super::read(&flags.config, tree)?;
    let mut trees = Trees::read(&configuration);
    let compilation = trees.compile(&configuration);
    let id = named(&compilation, &flags.wiki)?;
    let now = configuration.wikis.iter().find(|wiki| wiki.id == id);
    let farm = configuration.upgraded.get(&id).or(now);
    let wiki = compilation.model.wikis.iter().find(|wiki| wiki.farm.id == id);
    let (Some(farm), Some(wiki)) = (farm, wiki) else { return Err(super::show::not_compiled(&compilation, &id)) };
    // As written in PHP, too.
    let name = flags.setting.trim_start_matches(['$', '+']);
    let levels = Levels::of(farm);
    let found = contributions(name, &compilation.model.names, &levels, &compilation.model.files(farm));
    if found.is_empty() {
        let what = format!("no file says anything of `{}` for wiki `{id}`", name.escape_debug());
        let hint = match farm.config.iter().rfind(|entry| entry.scope == Scope::Executable) {
            Some(entry) => format!("`{}` comes later and may set it; it is PHP, which is not read", entry.file),
            None => "MediaWiki's own value counts; names are those of variables, such as `wgSitename`".to_owned(),
        };
        return Err(vec![Problem::new(ExitCode::Usage, what).hint(hint)]);
    }
    let setting = wiki.asked().and_then(|asked| asked.settings.iter().find(|setting| setting.name == name));
    let value = setting.and_then(|setting| setting.value.as_deref());
    let diff = setting.and_then(|setting| setting.diff.as_deref());
    let place = |contribution: &Contribution<'_, '_>| {
        let finding = crate::config::finding::Finding::warning(Place::Mark(contribution.node.mark), "", "");
        finding.location(&configuration.sources)
    };
    let text = || {
        let mut text = match (value, diff) {
            (Some(value), _) => format!("${name} of {id} is {}\n\n", literal(value)),
            (None, Some(diff)) => {
                format!("${name} of {id} is MediaWiki's value with {} put onto it\n\n", literal(diff))
            }
            (None, None) => format!("${name} of {id} is not set: MediaWiki's value counts\n\n"),
        };
        for contribution in &found {
            let _ = write!(
                text,
                "{:<10} {:<12} {}{}\n           {}\n",
                state(contribution.state),
                level(contribution.level),
                about(contribution),
                escaped(&place(contribution)),
                literal(contribution.node).replace('\n', "\n           "),
            );
        }
        text
    };
    let json = || {
        let contributions = found.iter().map(|contribution| {
            json!({
                "state": state(contribution.state),
                "level": level(contribution.level),
                "priority": contribution.level.priority(),
                "at": place(contribution),
                "diff": contribution.track == Track::Diff,
                "key": contribution.key.map(ToString::to_string),
                "php": literal(contribution.node),
            })
        });
        let value = json!({
            "schema": SCHEMA,
            "wiki": id,
            "setting": name,
            "value": value.map(literal),
            "diff": diff.map(literal),
            "contributions": contributions.collect::<Vec<_>>(),
        });
        Ok(format!("{}\n", serde_json::to_string_pretty(&value)?))
    };
    Ok(Output::done(formatted(flags.format, text, json)?))
}

fn literal(node: &Node) -> String {
    let mut text = String::new();
    php::Value::from(&node.value).write(&mut text, 0);
    text
}

/// Which kind of value it is, and of which key.
fn about(contribution: &Contribution<'_, '_>) -> String {
    let mut text = String::new();
    if contribution.track == Track::Diff {
        text.push_str("diff, ");
    }
    if let Some(key) = &contribution.key {
        let _ = write!(text, "key `{}`, ", escaped(&key.to_string()));
    }
    text
}

fn level(level: Level<'_>) -> String {
    match level {
        Level::Wiki => "wiki".to_owned(),
        Level::Tag(tag) => format!("tag {tag}"),
        Level::Suffix => "suffix".to_owned(),
        Level::Default => "default".to_owned(),
        Level::DefaultFile => "default file".to_owned(),
    }
}

fn state(state: State) -> &'static str {
    match state {
        State::Won => "won",
        State::Merged => "merged",
        State::Overridden => "overridden",
    }
}
