use super::*;

fn shell(script: &str) -> Program {
    Program {
        program: "sh".into(),
        arguments: vec!["-c".into(), script.into()],
        directory: "/".into(),
        environment: Environment::Clean(vec![("GIVEN".into(), "a b".into())]),
        user: None,
    }
}

fn capture(script: &str) -> Result<Captured, Error> {
    shell(script).capture(1 << 20, Duration::from_secs(20))
}

#[test]
fn both_streams_and_the_code_are_taken() {
    let captured = capture("echo out; echo err >&2; exit 7").unwrap();
    assert_eq!(captured.status, Status::Exited(7));
    assert_eq!((captured.output, captured.messages), (b"out\n".to_vec(), b"err\n".to_vec()));
}

#[test]
fn an_input_arrives_whole() {
    let input = vec![b'x'; 300_000];
    let captured = shell("cat").capture_with(&input, 1 << 20, Duration::from_secs(20)).unwrap();
    assert_eq!(captured.output, input);
}

#[test]
fn a_death_by_signal_is_128_and_its_number() {
    let status = capture("kill -9 $$").unwrap().status;
    assert_eq!((status, status.code()), (Status::Killed(9), 137));
    assert_eq!(shell("kill -15 $$").run().unwrap().code(), 143);
    assert_eq!(shell("exit 3").run().unwrap(), Status::Exited(3));
}

#[test]
fn arguments_arrive_as_they_are() {
    let mut program = shell("printf '%s|' \"$@\"; cat");
    program.arguments.extend(["-".into(), "a b".into(), "$(id)".into(), "'\"".into(), "".into()]);
    let captured = program.capture(1000, Duration::from_secs(20)).unwrap();
    assert_eq!(captured.output, b"a b|$(id)|'\"||");
}

#[test]
fn a_clean_environment_has_what_it_is_given_only() {
    let output = String::from_utf8(capture("env; pwd").unwrap().output).unwrap();
    let names: Vec<_> = output.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    assert!(names.contains(&"GIVEN") && names.contains(&"PATH"), "{output}");
    // `PWD`, `_` and `OLDPWD`, `SHLVL` are the shell's own.
    let allowed = ["GIVEN", "PATH", "HOME", "LANG", "PWD", "OLDPWD", "_", "SHLVL"];
    assert!(names.iter().all(|name| allowed.contains(name)), "{output}");
    assert!(output.ends_with("\n/\n"), "{output}");
}

#[test]
fn much_output_on_both_streams_at_once_does_not_block() {
    let captured = capture("head -c 1000000 /dev/zero >&2; head -c 1000000 /dev/zero").unwrap();
    assert_eq!((captured.output.len(), captured.messages.len()), (1_000_000, MAX_MESSAGES));
}

#[test]
fn too_much_output_stops_it() {
    let begun = Instant::now();
    assert!(matches!(shell("yes").capture(100_000, Duration::from_secs(20)), Err(Error::Output { .. })));
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(shell("printf abc").capture(3, Duration::from_secs(20)).unwrap().output, b"abc");
}

#[test]
fn one_that_takes_too_long_is_killed_with_what_it_started() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("pid");
    let script = format!("sleep 60 & echo $! > {}; wait", file.display());
    let begun = Instant::now();
    let error = shell(&script).capture(100, Duration::from_millis(500)).unwrap_err();
    assert!(matches!(error, Error::Late { .. }), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert!(gone(&file));
}

#[test]
fn what_it_leaves_behind_is_killed_and_not_waited_for() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("pid");
    let begun = Instant::now();
    let captured = capture(&format!("sleep 60 & echo $! > {}; echo done", file.display())).unwrap();
    assert_eq!(captured.output, b"done\n");
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert!(gone(&file));
}

/// Whether the process whose number is in the file ends soon: an orphan is taken away by its new parent.
fn gone(file: &Path) -> bool {
    let number = std::fs::read_to_string(file).unwrap();
    let status = format!("/proc/{}/stat", number.trim());
    let until = Instant::now() + Duration::from_secs(5);
    loop {
        match std::fs::read_to_string(&status) {
            Err(_) => return true,
            Ok(text) if text.contains(") Z ") => return true,
            Ok(_) if Instant::now() > until => return false,
            Ok(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

#[test]
fn one_that_is_not_there_does_not_start() {
    let mut program = shell("");
    program.program = "/nonexistent/php".into();
    assert!(matches!(program.run(), Err(Error::Start { .. })));
    let error = program.capture(1, Duration::from_secs(1)).unwrap_err();
    assert_eq!(error.to_string(), "cannot start `/nonexistent/php`");
}
