//! `wikis`: the list of the farm's wikis.

use std::path::Path;

use serde_json::json;

use super::Trees;
use crate::cli::{self, ListFormat};
use crate::config::published;
use crate::farm::WikiId;
use crate::report::table::list;
use crate::report::{ExitCode, Output, Problem, Reporter};

/// The version of the JSON form.
const SCHEMA: &str = "1.0.0";

/// Lists the wikis that can be compiled, and those that stay as they were.
pub(in crate::run) fn wikis(tree: &Path, flags: &cli::Wikis, reporter: &dyn Reporter) -> Result<Output, Vec<Problem>> {
    let configuration = super::read(&flags.config, tree)?;
    let mut trees = Trees::read(&configuration);
    let compilation = trees.compile(&configuration);
    super::warn(&compilation.model.findings, &configuration.sources, reporter);
    let in_use = |id: &WikiId, wiki: &published::Wiki| -> String {
        let state = configuration.published.in_use.get(id).filter(|_| wiki.delayed);
        state.map_or_else(|| wiki.version.clone(), |state| state.version.clone())
    };
    let extensions = |id: &WikiId, wiki: &published::Wiki| -> Vec<String> {
        let compiled = wiki.compiled.get(&in_use(id, wiki)).or_else(|| wiki.compiled.get(&wiki.version));
        compiled.map(|compiled| compiled.extensions.iter().map(ToString::to_string).collect()).unwrap_or_default()
    };
    let hosts = |wiki: &published::Wiki| -> Vec<String> { wiki.hosts.iter().map(ToString::to_string).collect() };
    let stdout = match flags.format {
        ListFormat::Text => {
            let rows = compilation.wikis.iter().map(|(id, wiki)| {
                let version = in_use(id, wiki);
                let version = if version == wiki.version { version } else { format!("{version} ({})", wiki.version) };
                vec![
                    vec![id.to_string()],
                    hosts(wiki),
                    vec![version],
                    vec![wiki.suffix.clone()],
                    wiki.tags.clone(),
                    extensions(id, wiki),
                ]
            });
            list(&["Wiki", "Hosts", "Version", "Suffix", "Tags", "Extensions and skins"], &rows.collect::<Vec<_>>())
        }
        ListFormat::Json => {
            let wikis = compilation.wikis.iter().map(|(id, wiki)| {
                json!({
                    "id": id,
                    "farm": wiki.farm,
                    "hosts": wiki.hosts,
                    "version": in_use(id, wiki),
                    "wanted_version": wiki.version,
                    "suffix": wiki.suffix,
                    "tags": wiki.tags,
                    "extensions": extensions(id, wiki),
                })
            });
            let value = json!({ "schema": SCHEMA, "wikis": wikis.collect::<Vec<_>>() });
            let text = serde_json::to_string_pretty(&value);
            text.map(|text| format!("{text}\n")).map_err(|e| vec![Problem::from_error(ExitCode::Failed, &e)])?
        }
        ListFormat::Csv => {
            let mut csv = csv::Writer::from_writer(Vec::new());
            let failed = |error: csv::Error| vec![Problem::from_error(ExitCode::Failed, &error)];
            csv.write_record(["id", "host", "version", "suffix", "tags", "extensions"]).map_err(failed)?;
            for (id, wiki) in &compilation.wikis {
                csv.write_record([
                    id.as_str(),
                    &hosts(wiki).join(" "),
                    &in_use(id, wiki),
                    &wiki.suffix,
                    &wiki.tags.join(" "),
                    &extensions(id, wiki).join(" "),
                ])
                .map_err(failed)?;
            }
            let bytes = csv.into_inner().map_err(|e| vec![Problem::new(ExitCode::Failed, e.to_string())])?;
            return Ok(Output::done(bytes).but(super::errors(&compilation.model.findings, &configuration.sources)));
        }
    };
    Ok(Output::done(stdout).but(super::errors(&compilation.model.findings, &configuration.sources)))
}
