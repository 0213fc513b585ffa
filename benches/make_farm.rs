//! Writes a generated farm, for scripts: `cargo bench --bench make_farm -- TREE --extensions 50 [--home DIR]`.
//!
//! The tree lacks what Composer generates. With `--home`, a `COMPOSER_HOME` is written as well, whose only repository
//! offers just the packages of the farm, so that Composer needs no network. Prints how many PHP files were written.

mod farm;
#[path = "farm/home.rs"]
mod home;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, io};

use farm::Farm;

fn main() -> ExitCode {
    // Cargo adds `--bench`; with nothing else, as in a run of all benches, there is nothing to do.
    let mut arguments = env::args().skip(1).filter(|argument| argument != "--bench");
    let Some(tree) = arguments.next() else { return ExitCode::SUCCESS };
    let (mut extensions, mut home) = (50, None);
    while let Some(flag) = arguments.next() {
        match (flag.as_str(), arguments.next()) {
            ("--extensions", Some(number)) if number.parse().is_ok_and(|number: usize| number >= 10) => {
                extensions = number.parse().unwrap_or(extensions);
            }
            ("--home", Some(directory)) => home = Some(PathBuf::from(directory)),
            _ => return usage(),
        }
    }
    if tree.starts_with('-') { usage() } else { done(make(Path::new(&tree), extensions, home.as_deref())) }
}

fn make(tree: &Path, extensions: usize, home: Option<&Path>) -> io::Result<usize> {
    let farm = Farm::new(extensions);
    let files = farm.write(tree)?;
    home.map_or(Ok(()), |home| home::write(&farm.packages, home))?;
    Ok(files)
}

#[expect(clippy::print_stderr, reason = "a program of its own")]
fn usage() -> ExitCode {
    eprintln!("usage: cargo bench --bench make_farm -- TREE [--extensions N (10 or more)] [--home DIR]");
    ExitCode::from(2)
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a program of its own")]
fn done(result: io::Result<usize>) -> ExitCode {
    match result {
        Ok(files) => {
            println!("{files}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("make_farm: {error}");
            ExitCode::FAILURE
        }
    }
}
