//! The program as its callers see it: what goes to stdout, what to stderr, and the exit code.

mod broken;
mod config;
mod demo;
mod dispatch;
mod doctor;
mod extensions;
mod farm;
mod mediawikifarm;
mod output;
mod readme;

use std::process::{Command, Output, Stdio};

fn mwfarm(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mwfarm"));
    command.env("MWFARM_CACHE_DIR", "/dev/null");
    command.args(arguments).stdin(Stdio::null());
    for name in ["CI", "NO_COLOR", "TERM"] {
        command.env_remove(name);
    }
    command
}

fn run(arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = mwfarm(arguments).output().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn help_and_version_are_results() {
    let (code, out, err) = run(&["--help"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("Usage: mwfarm [OPTIONS] <COMMAND>") && out.contains("Exit codes:"), "{out}");
    assert_eq!(run(&["--version"]), (0, format!("mwfarm {}\n", env!("CARGO_PKG_VERSION")), String::new()));
}

#[test]
fn wrong_usage_is_exit_4_on_stderr() {
    for arguments in [&[][..], &["build", "--fromat"], &["nothing"], &["build", "--jobs", "0"]] {
        let (code, out, err) = run(arguments);
        assert_eq!((code, out.as_str()), (4, ""), "{arguments:?}");
        assert!(err.contains("Usage: ") || err.contains("For more information"), "{err}");
    }
}

#[test]
fn wrong_usage_shows_no_control_characters() {
    let (code, _, err) = run(&["build", "--\u{1b}[31m\u{202e}"]);
    assert_eq!(code, 4);
    assert!(err.contains("\\u{202e}"), "{err}");
    assert!(!err.contains('\u{1b}') && !err.contains('\u{202e}'), "{err}");
}

#[test]
fn a_reader_that_stops_reading_is_no_error() {
    for arguments in [&["completions", "bash"][..], &["man"], &["--help"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = mwfarm(arguments).stdout(writer).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{arguments:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_result_that_cannot_be_written_is_an_error() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = mwfarm(&["completions", "bash"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.starts_with("error: cannot write the result to stdout\ncaused by: "), "{err}");
}

#[test]
fn completions_and_the_manual_go_to_stdout() {
    let (code, out, err) = run(&["completions", "bash"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("_mwfarm()"), "{out}");
    let (code, out, err) = run(&["man"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains(".TH mwfarm 1"), "{out}");
}
