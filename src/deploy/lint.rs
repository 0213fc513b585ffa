//! Whether the PHP files of a commit can be compiled: asked of PHP itself, before anything of them is on disk.
//!
//! One process parses many files. It is started as the wiki's user, since parsers have bugs, too; it gets the files on
//! its input, since that user need not see a release that is not finished.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use super::git::{self, Repository};
use super::objects::{self, Batch};
use super::options::Options;
use super::release::Sha;
use super::tree::{Kind, Tree};
use crate::php;
use crate::process::{Environment, Program, Status, User};
use crate::report::{ExitCode, Problem};

/// What PHP runs.
const SCRIPT: &str = include_str!("../../php/deploy/lint.php");

/// How long the files of one batch may take: all of MediaWiki 1.43 takes about a second.
const TIME: Duration = Duration::from_secs(120);

/// The most that PHP may say.
const MAX_OUTPUT: usize = 16 << 20;

/// A file that cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Its path in the tree.
    pub path: String,
    /// The line.
    pub line: u32,
    /// What PHP says of it.
    pub message: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { path, line, message } = self;
        write!(f, "`{path}`, line {line}: {message}")
    }
}

/// A line of what the script says.
#[derive(Debug, Deserialize)]
struct Said {
    file: Option<usize>,
    line: Option<u32>,
    message: Option<String>,
    done: Option<usize>,
}

/// The paths of the PHP files of a tree that another commit has not, or not like this; all of them without one.
///
/// # Errors
/// git fails.
pub fn changed(repository: &Repository, from: Option<&Sha>, tree: &Tree, to: &Sha) -> Result<Vec<String>, git::Error> {
    let is_php = |path: &str| Path::new(path).extension().is_some_and(|end| end == "php");
    // What was deployed long ago may be gone.
    let Some(from) = from.filter(|from| super::repository::has(repository, from)) else {
        let files = tree.entries.iter().filter(|entry| matches!(entry.kind, Kind::File { .. }));
        return Ok(files.map(|entry| entry.path.clone()).filter(|path| is_php(path)).collect());
    };
    let arguments = ["diff-tree", "-r", "-z", "--no-renames", "--no-ext-diff", "--no-textconv", "--name-only"];
    let commits = ["--diff-filter=AMT", "--end-of-options", from.as_str(), to.as_str()];
    let printed = repository.run(arguments.into_iter().chain(commits), Duration::from_secs(120))?;
    let paths = printed.split(|byte| *byte == 0).filter_map(|path| std::str::from_utf8(path).ok());
    Ok(paths.filter(|path| is_php(path)).map(str::to_owned).collect())
}

/// Parses files of a tree; links and what is not in it are left out.
///
/// # Errors
/// git or PHP does not run. What PHP finds is no error of ours.
pub fn lint(
    options: &Options,
    user: Option<User>,
    repository: &Repository,
    tree: &Tree,
    paths: &[String],
) -> Result<Vec<Fault>, Problem> {
    let chosen: std::collections::HashSet<&str> = paths.iter().map(String::as_str).collect();
    let mut files = Vec::new();
    let mut wanted = Vec::new();
    for entry in tree.entries.iter().filter(|entry| chosen.contains(entry.path.as_str())) {
        if let Kind::File { object, size, .. } = &entry.kind {
            files.push(entry.path.as_str());
            wanted.push((object, *size));
        }
    }
    let mut faults = Vec::new();
    for range in objects::batches(&wanted) {
        let batch = Batch::read(repository, &wanted[range.clone()])?;
        let mut input = Vec::new();
        for content in batch.contents() {
            input.extend_from_slice(format!("{}\n", content.len()).as_bytes());
            input.extend_from_slice(content);
        }
        faults.extend(parse(options, user, &files[range], &input)?);
    }
    Ok(faults)
}

fn parse(options: &Options, user: Option<User>, files: &[&str], input: &[u8]) -> Result<Vec<Fault>, Problem> {
    let failed = |what: &str| Problem::new(ExitCode::Failed, format!("PHP {what}"));
    let program = Program {
        program: options.php.clone(),
        arguments: php::READING
            .iter()
            .chain(&["-r", SCRIPT.strip_prefix("<?php").unwrap_or(SCRIPT)])
            .map(Into::into)
            .collect(),
        directory: "/".into(),
        environment: Environment::Clean(vec![("HOME".into(), "/nonexistent".into()), ("LC_ALL".into(), "C".into())]),
        user,
        limits: None,
    };
    let captured = program.capture_with(input, MAX_OUTPUT, TIME);
    let captured = captured.map_err(|error| Problem::from_error(ExitCode::Failed, &error))?;
    let mut faults = Vec::new();
    let mut at = None;
    let mut done = false;
    for line in captured.output.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let said: Said = serde_json::from_slice(line).map_err(|_| failed("says what is not understood"))?;
        done = said.done == Some(files.len());
        at = said.file.and_then(|file| files.get(file)).or(at);
        if let (Some(path), Some(message)) = (at, said.message) {
            faults.push(Fault { path: (*path).to_owned(), line: said.line.unwrap_or_default(), message });
        }
    }
    if captured.status == Status::Exited(0) && done {
        return Ok(faults);
    }
    let code = captured.status.code();
    let messages = String::from_utf8_lossy(&captured.messages);
    let message = messages.lines().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    match at {
        // It died of it: of nesting without end, of its size.
        Some(path) => {
            let message = format!("PHP ends with {code} while it reads this file: {message}");
            faults.push(Fault { path: (*path).to_owned(), line: 0, message });
            Ok(faults)
        }
        None => Err(failed(&format!("does not parse files: {message}"))),
    }
}
