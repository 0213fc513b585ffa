//! A bare walk of a tree, for scripts: `cargo bench --bench walk -- TREE`.
//!
//! Lists every directory and asks the system for size, times and inode of every entry, links not followed, on one
//! thread: the least that anything must do which is to notice changes. Prints how many entries there are.

use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs, io};

fn main() -> ExitCode {
    // Cargo adds `--bench`; with nothing else, as in a run of all benches, there is nothing to do.
    let Some(tree) = env::args_os().skip(1).find(|argument| argument != "--bench") else { return ExitCode::SUCCESS };
    done(walk(PathBuf::from(tree)))
}

fn walk(tree: PathBuf) -> io::Result<u64> {
    let mut entries = 0;
    let mut waiting = vec![tree];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(&directory)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if metadata.is_dir() {
                waiting.push(entry.path());
            }
            entries += u64::from(metadata.modified().is_ok());
        }
    }
    Ok(entries)
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a program of its own")]
fn done(result: io::Result<u64>) -> ExitCode {
    match result {
        Ok(entries) => {
            println!("{entries}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("walk: {error}");
            ExitCode::FAILURE
        }
    }
}
