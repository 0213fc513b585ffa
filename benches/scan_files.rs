//! Reads and scans files one after another, for scripts: `cargo bench --bench scan_files -- LIST`. The list holds paths
//! with a NUL behind each, as `find -print0` writes them. Prints how many classes they declare.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;
use std::{env, fs, io};

use mwfarm::build::scan::find_classes;

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a program of its own")]
fn main() -> ExitCode {
    // Cargo adds `--bench`; with nothing else, as in a run of all benches, there is nothing to do.
    let mut arguments = env::args().skip(1).filter(|argument| argument != "--bench");
    let Some(list) = arguments.next() else { return ExitCode::SUCCESS };
    match classes(&list) {
        Ok(classes) => {
            println!("{classes}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("scan_files: {error}");
            ExitCode::FAILURE
        }
    }
}

fn classes(list: &str) -> io::Result<usize> {
    let list = fs::read(list)?;
    let mut classes = 0;
    for path in list.split(|&byte| byte == 0).filter(|path| !path.is_empty()) {
        // What cannot be parsed has no classes here; whether that is right is for tests to say.
        classes += find_classes(&fs::read(OsStr::from_bytes(path))?).map_or(0, |classes| classes.len());
    }
    Ok(classes)
}
