use super::*;

fn shell(script: &str) -> Program {
    Program {
        program: "sh".into(),
        arguments: vec!["-c".into(), script.into()],
        directory: "/".into(),
        environment: Environment::Clean(vec![("GIVEN".into(), "a b".into())]),
        user: None,
        limits: None,
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
    assert!(begun.elapsed() < Duration::from_secs(40));
    assert_eq!(shell("printf abc").capture(3, Duration::from_secs(20)).unwrap().output, b"abc");
}

#[test]
fn one_that_takes_too_long_is_killed_with_what_it_started() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("pid");
    let script = format!("sleep 60 & echo $! > {}; wait", file.display());
    let begun = Instant::now();
    let error = shell(&script).capture(100, Duration::from_secs(3)).unwrap_err();
    assert!(matches!(error, Error::Late { .. }), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(40));
    assert!(gone(&file));
}

#[test]
fn what_it_leaves_behind_is_killed_and_not_waited_for() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("pid");
    let begun = Instant::now();
    let captured = capture(&format!("sleep 60 & echo $! > {}; echo done", file.display())).unwrap();
    assert_eq!(captured.output, b"done\n");
    assert!(begun.elapsed() < Duration::from_secs(40));
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

/// A user whom nobody else is; these tests are nothing without the right to be one.
fn as_user(mut program: Program) -> Option<Program> {
    program.user = Some(User { uid: 64_901, gid: 64_901 });
    rustix::process::geteuid().is_root().then_some(program)
}

#[test]
fn another_user_has_no_terminal_of_ours_and_leads_a_session() {
    let script = "(: < /dev/tty) 2>&1; cut -d ' ' -f 1,5,6,7 /proc/$$/stat; id -u; grep NoNewPrivs /proc/$$/status";
    let Some(program) = as_user(shell(script)) else { return };
    let captured = program.capture(4096, Duration::from_secs(20)).unwrap();
    let output = String::from_utf8(captured.output).unwrap();
    let lines: Vec<&str> = output.lines().collect();
    assert!(lines[0].contains("No such device or address"), "{output}");
    // The process, its group, its session, its terminal.
    let numbers: Vec<&str> = lines[1].split(' ').collect();
    assert_eq!((numbers[0], numbers[0], "0"), (numbers[1], numbers[2], numbers[3]), "{output}");
    assert_eq!(lines[2..], ["64901", "NoNewPrivs:\t1"], "{output}");
    let mut lines = program.lines(4096).unwrap();
    let Next::Line(line) = lines.next(Duration::from_secs(20)).unwrap() else { panic!("no line") };
    assert!(String::from_utf8_lossy(&line).contains("No such device or address"));
    let _ = lines.end();
}

#[test]
fn another_user_that_takes_too_long_is_killed_with_what_it_started() {
    let scratch = tempfile::tempdir().unwrap();
    std::fs::set_permissions(scratch.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let file = scratch.path().join("pid");
    let Some(program) = as_user(shell(&format!("sleep 60 & echo $! > {}; wait", file.display()))) else { return };
    let error = program.capture(100, Duration::from_millis(800)).unwrap_err();
    assert!(matches!(error, Error::Late { .. }), "{error}");
    assert!(gone(&file));
}

#[test]
fn another_user_goes_to_its_directory_with_its_own_rights() {
    let scratch = tempfile::tempdir().unwrap();
    std::fs::set_permissions(scratch.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let closed = scratch.path().join("closed");
    let link = scratch.path().join("link");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    std::os::unix::fs::symlink(&closed, &link).unwrap();
    let Some(mut program) = as_user(shell("pwd; printf '%s|' \"$GIVEN\" \"$@\"")) else { return };
    program.arguments.extend(["-".into(), "a b".into(), "A=b".into()]);
    program.directory = scratch.path().to_owned();
    let captured = program.capture(4096, Duration::from_secs(20)).unwrap();
    let expected = format!("{}\na b|a b|A=b|", scratch.path().display());
    assert_eq!(String::from_utf8_lossy(&captured.output), expected);
    program.directory = link;
    let captured = program.capture(4096, Duration::from_secs(20)).unwrap();
    assert_eq!((captured.status, captured.output.len()), (Status::Exited(125), 0));
}

/// Runs itself once more, on a terminal that `script` makes.
#[test]
fn another_user_runs_on_a_terminal_of_its_own() {
    const NAME: &str = "process::tests::another_user_runs_on_a_terminal_of_its_own";
    let inside = std::env::var_os("MWFARM_TEST_TERMINAL").is_some();
    let ours = std::fs::read_link("/proc/self/fd/0").unwrap();
    let script = "test \"$(tty)\" != \"$1\" && : < /dev/tty && ! (: < \"$1\") 2> /dev/null || exit 1
        test -t 0 -a -t 1 -a -t 2 || exit 2
        test \"$HOME|$GIVEN|$USER|$2\" = '/nonexistent|a b|wiki-x|c d' && pwd && exit 7; exit 3";
    let Some(mut program) = as_user(shell(script)) else { return };
    program.directory = "/usr".into();
    let variables = [("GIVEN", "a b"), ("HOME", "/nonexistent"), ("USER", "wiki-x")];
    program.environment = Environment::Clean(variables.map(|(name, value)| (name.into(), value.into())).to_vec());
    program.arguments.extend(["-".into(), ours.into(), "c d".into()]);
    if inside {
        assert_eq!(program.run().unwrap(), Status::Exited(7));
        return;
    }
    let itself = std::env::current_exe().unwrap();
    let mut on_terminal = shell("exec script -qec '\"$MWFARM_TEST_TERMINAL\" --exact '\"$1\"' --nocapture' /dev/null");
    on_terminal.arguments.extend(["-".into(), NAME.into()]);
    on_terminal.environment = Environment::Clean(vec![("MWFARM_TEST_TERMINAL".into(), itself.into())]);
    let captured = on_terminal.capture(1 << 16, Duration::from_secs(20)).unwrap();
    let output = String::from_utf8_lossy(&captured.output);
    assert_eq!(captured.status, Status::Exited(0), "{output}");
    assert!(output.contains("/usr\r\n"), "{output}");
}

#[test]
fn another_user_runs_without_terminal_where_we_have_none() {
    let Some(program) = as_user(shell("(: < /dev/tty) 2> /dev/null && exit 1; echo; exit 3")) else { return };
    assert_eq!(program.relay([true; 3]).unwrap(), Status::Exited(3));
    assert_eq!(program.relay([false; 3]).unwrap(), Status::Exited(3));
}

#[test]
fn what_a_program_may_use_is_limited_and_what_it_starts_too() {
    let limited = |script: &str, user: Option<User>| {
        let limits = Limits { memory: 256 << 20, processor: Duration::from_secs(1) };
        let program = Program { limits: Some(limits), user, ..shell(script) };
        program.capture(1 << 20, Duration::from_secs(20)).unwrap()
    };
    let root = rustix::process::getuid().is_root();
    let users = [None, Some(User { uid: 65_534, gid: 65_534 })];
    for user in users.into_iter().filter(|user| user.is_none() || root) {
        let told = limited("ulimit -v; ulimit -t; (ulimit -v unlimited) 2>/dev/null || echo no", user);
        let no = if user.is_some() { "no\n" } else { "" };
        let told = String::from_utf8(told.output).unwrap();
        assert!(told.starts_with("262144\n1\n") && told.ends_with(no), "{told}");
        // One of 512 MiB.
        let large = limited("dd if=/dev/zero of=/dev/null bs=536870912 count=1", user);
        assert_ne!(large.status, Status::Exited(0));
        assert_eq!(limited("(while :; do :; done); exit $?", user).status.code(), 128 + 24);
    }
}
