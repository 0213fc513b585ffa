//! What a program says that runs for the user but must not have our terminal.

use std::io::{self, IsTerminal, Write};

/// Which of our streams are terminals: input, output, messages.
#[must_use]
pub fn terminals() -> [bool; 3] {
    [io::stdin().is_terminal(), io::stdout().is_terminal(), io::stderr().is_terminal()]
}

/// Writes to our output just what a program said.
///
/// # Errors
/// Those of the system.
pub fn output(said: &[u8]) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(said).and_then(|()| output.flush())
}

/// The same for our standard error.
///
/// # Errors
/// Those of the system.
pub fn messages(said: &[u8]) -> io::Result<()> {
    io::stderr().write_all(said)
}
