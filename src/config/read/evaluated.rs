//! PHP files that return an array, evaluated by a separate PHP: a file that never ends, dies or talks does no harm.

use std::collections::hash_map::RandomState;
use std::ffi::OsString;
use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::value::{FileId, Node};
use super::problem::{Problem, said, shown};
use super::serialized;
use crate::process::{Captured, Environment, Error, Program, Status};

/// The time that a file has.
pub(super) const MAX_TIME: Duration = Duration::from_secs(10);

/// What it may return, serialized, in bytes; what it prints past PHP's output functions counts, too.
const MAX_OUTPUT: usize = 64 * 1024 * 1024;

/// Its memory, as PHP writes it.
const MEMORY: &str = "memory_limit=1G";

const SCRIPT: &str = include_str!("evaluate.php");

/// Evaluates a file, given by its absolute path without links, and reads what it returned.
pub(super) fn read(php: &Path, directory: &Path, path: &Path, time: Duration, file: FileId) -> Result<Node, Problem> {
    let marker = marker();
    let captured = program(php, directory, path, &marker).capture(MAX_OUTPUT, time).map_err(unusable)?;
    let Some((kind, bytes)) = answer(&captured.output, &marker) else { return Err(died(&captured, path)) };
    match kind {
        b'V' => {
            serialized::parse(bytes, file).map_err(|problem| problem.hint("it may return arrays of plain values only"))
        }
        b'T' => {
            let message = format!("returns no array, but {}", shown(&String::from_utf8_lossy(bytes)));
            Err(Problem::new(0, message).hint("it should end with `return [ … ];`"))
        }
        _ => {
            let text = String::from_utf8_lossy(bytes);
            let (line, message) = text.split_once(' ').unwrap_or(("0", &text));
            Err(failed(line.parse().unwrap_or(0), message))
        }
    }
}

/// Asks PHP whether it could include a file, which is not run.
pub(super) fn lint(php: &Path, directory: &Path, path: &Path, time: Duration) -> Result<(), Problem> {
    let mut arguments: Vec<OsString> = Vec::new();
    for setting in ["display_errors=stderr", "log_errors=0", "html_errors=0"] {
        arguments.extend(["-d".into(), setting.into()]);
    }
    // The path is absolute, and so no option.
    arguments.extend(["-l".into(), path.into()]);
    let program = Program {
        program: PathBuf::from(php),
        arguments,
        directory: directory.to_owned(),
        environment: Environment::Clean(Vec::new()),
        user: None,
        limits: None,
    };
    let captured = program.capture(MAX_OUTPUT, time).map_err(unusable)?;
    if captured.status.code() == 0 { Ok(()) } else { Err(died(&captured, path)) }
}

fn program(php: &Path, directory: &Path, path: &Path, marker: &str) -> Program {
    let time = format!("max_execution_time={}", MAX_TIME.as_secs());
    let mut arguments: Vec<OsString> = Vec::new();
    // Should we be killed, PHP's own limit ends it.
    for setting in ["display_errors=stderr", "log_errors=0", "html_errors=0", "serialize_precision=-1", MEMORY, &time] {
        arguments.extend(["-d".into(), setting.into()]);
    }
    let script = SCRIPT.strip_prefix("<?php").unwrap_or(SCRIPT);
    arguments.extend(["-r".into(), script.into(), "--".into(), path.into(), marker.into()]);
    Program {
        program: PathBuf::from(php),
        arguments,
        directory: directory.to_owned(),
        environment: Environment::Clean(Vec::new()),
        user: None,
        limits: None,
    }
}

/// What the file cannot guess, and so cannot print.
fn marker() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
}

/// What the script said: the letter and the bytes. What comes behind is not looked at.
fn answer<'o>(output: &'o [u8], marker: &str) -> Option<(u8, &'o [u8])> {
    let at = memchr::memmem::find(output, marker.as_bytes())?;
    let rest = output[at + marker.len()..].strip_prefix(b" ")?;
    let (kind, rest) = rest.split_first()?;
    let rest = rest.strip_prefix(b" ")?;
    let end = memchr::memchr(b'\n', rest)?;
    let length: usize = std::str::from_utf8(&rest[..end]).ok()?.parse().ok()?;
    rest.get(end + 1..)?.get(..length).map(|bytes| (*kind, bytes))
}

fn unusable(error: Error) -> Problem {
    match error {
        Error::Late { limit, .. } => {
            Problem::new(0, format!("did not return within {} s, and was stopped", limit.as_secs_f32()))
        }
        Error::Output { limit, .. } => {
            Problem::new(0, format!("printed more than {} MiB, and was stopped", limit / 1024 / 1024))
        }
        Error::Start { program, source } => {
            let message = format!("needs PHP, but `{}` does not start: {source}", program.display());
            Problem::new(0, message).hint("install PHP's command line, or write the file in YAML")
        }
        Error::System { source, .. } => Problem::new(0, format!("cannot be evaluated: {source}")),
    }
}

/// It ended before it returned: by `exit`, or by an error that PHP lets nobody catch.
fn died(captured: &Captured, path: &Path) -> Problem {
    let messages = String::from_utf8_lossy(&captured.messages);
    let fatal = messages.lines().find(|line| line.contains("atal error: ") || line.contains("arse error: "));
    if let Some(line) = fatal {
        let line = line.strip_prefix("PHP ").unwrap_or(line);
        let place = line.rsplit_once(" on line ").and_then(|(text, number)| Some((text, number.parse().ok()?)));
        let Some((text, number)) = place else { return failed(0, line) };
        let own = text.strip_suffix(&*path.to_string_lossy()).and_then(|text| text.strip_suffix(" in "));
        return own.map_or_else(|| failed(0, line), |text| failed(number, text));
    }
    match captured.status {
        Status::Exited(code) => {
            let message = format!("ended PHP before it returned an array, with code {code}");
            Problem::new(0, message).hint("it should end with `return [ … ];`, without `exit`")
        }
        Status::Killed(signal) => Problem::new(0, format!("was killed by signal {signal} while it was evaluated")),
    }
}

fn failed(line: u32, message: &str) -> Problem {
    Problem::new(line, format!("PHP says: {}", said(message)))
}
