//! The program `mwfarm`: reads its arguments, runs, prints what came of it.

use mwfarm::report::Terminal;
use mwfarm::{cli, report};

fn main() -> std::process::ExitCode {
    report::catch_bugs(|| match cli::parse(std::env::args_os()) {
        Ok(arguments) => {
            let terminal = Terminal::new(arguments.global.report());
            terminal.finish(mwfarm::run(arguments, &terminal))
        }
        Err(message) => report::usage(&message),
    })
    .into()
}
