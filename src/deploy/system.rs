//! Programs of the system that the stores of a wiki are made with.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use crate::process::{Captured, Environment, Program, Status, User};
use crate::report::{ExitCode, Problem};

/// The most that one of them may say, in bytes.
const MAX_OUTPUT: usize = 16 << 20;

/// The longest that one of them may take.
const TIME: Duration = Duration::from_secs(120);

/// A program by its name or path, without anything of our environment but `PATH`, `HOME` and `LANG`.
pub(super) fn program<A: Into<OsString>>(
    program: impl AsRef<Path>,
    arguments: impl IntoIterator<Item = A>,
    user: Option<User>,
) -> Program {
    Program {
        program: program.as_ref().to_owned(),
        arguments: arguments.into_iter().map(Into::into).collect(),
        directory: "/".into(),
        environment: Environment::Clean(vec![("LC_ALL".into(), "C".into())]),
        user,
        limits: None,
    }
}

/// Runs one to its end, with an input that is seen nowhere, and takes what it says.
pub(super) fn run(program: &Program, input: &[u8]) -> Result<Captured, Problem> {
    program.capture_with(input, MAX_OUTPUT, TIME).map_err(|error| Problem::from_error(ExitCode::Failed, &error))
}

/// What one said that had to end with 0.
pub(super) fn succeed(program: &Program, input: &[u8]) -> Result<Vec<u8>, Problem> {
    let captured = run(program, input)?;
    if captured.status == Status::Exited(0) { Ok(captured.output) } else { Err(failed(program, &captured)) }
}

/// What is told of one that failed.
pub(super) fn failed(program: &Program, captured: &Captured) -> Problem {
    let name = program.program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let messages = String::from_utf8_lossy(&captured.messages);
    let lines = messages.lines().filter(|line| !line.trim().is_empty()).take(5).map(str::to_owned);
    Problem::new(ExitCode::Failed, format!("`{name}` failed with exit code {}", captured.status.code())).causes(lines)
}

/// A file that the system does not let us have.
pub(super) fn unusable(path: &Path) -> impl FnOnce(std::io::Error) -> Problem + '_ {
    move |error| Problem::new(ExitCode::Failed, format!("cannot use `{}`", path.display())).cause(error.to_string())
}
