//! Scans all of a tree once, for scripts: `cargo bench --bench scan_tree -- TREE` prints how many files that are.
//!
//! `RAYON_NUM_THREADS` says how many threads do it.

use std::path::Path;
use std::process::ExitCode;

use mwfarm::build::scan::{ScanPath, scan};

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a program of its own")]
fn main() -> ExitCode {
    // Cargo adds `--bench`; with nothing else, as in a run of all benches, there is nothing to do.
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let Some(tree) = arguments.next() else { return ExitCode::SUCCESS };
    match scan(Path::new(&tree), &[ScanPath { path: String::new(), confine: String::new() }]) {
        Ok(scan) => {
            println!("{}", scan.paths[0].files.len());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("scan_tree: {error}: {}", error.reason);
            ExitCode::FAILURE
        }
    }
}
