use super::*;

fn read(line: &str) -> Result<Arguments, Box<clap::Error>> {
    parse(line.split(' ').map(OsString::from))
}

#[test]
fn the_definition_is_consistent() {
    Arguments::command().debug_assert();
}

#[test]
fn global_flags_stand_before_and_after_the_command() {
    let before = read("mwfarm -d tree -vv -n --no-progress -j 3 build").unwrap();
    let after = read("mwfarm build -d tree -vv -n --no-progress -j 3").unwrap();
    assert_eq!(before, after);
    assert_eq!(after.global.working_dir, Some(PathBuf::from("tree")));
    assert_eq!((after.global.verbose, after.global.jobs), (2, NonZeroUsize::new(3)));
}

#[test]
fn a_build_takes_everything() {
    let line = "mwfarm build --wikis w.yml --output out --strategy bold -o -a --autoloader fast --mediawikifarm --dry-run --locked --no-wait \
                --invalidate unix:/run/a.sock --invalidate tcp:[::1]:9000 --format json";
    let Command::Build(build) = read(line).unwrap().command else { panic!("not a build") };
    assert_eq!(
        build,
        Build {
            inputs: Inputs {
                wikis: Some("w.yml".into()),
                config: ConfigDir::default(),
                output: Some("out".into()),
                strategy: Strategy::Bold,
                optimize_autoloader: true,
                classmap_authoritative: true,
                autoloader: Autoloader::Fast,
                absolute_paths: false,
                mediawikifarm: true,
            },
            dry_run: true,
            locked: true,
            no_wait: true,
            invalidate: vec!["unix:/run/a.sock".parse().unwrap(), "tcp:[::1]:9000".parse().unwrap()],
            format: Format::Json,
        }
    );
    let Command::Build(plain) = read("mwfarm build").unwrap().command else { panic!("not a build") };
    assert_eq!(plain, Build::default());
}

#[test]
fn flags_say_how_to_report() {
    let report = |flags| read(&format!("mwfarm verify{flags}")).unwrap().global.report();
    let plain = Settings { verbosity: Verbosity::Normal, colours: None, progress: true };
    assert_eq!(report(""), plain);
    assert_eq!(report(" -q"), Settings { verbosity: Verbosity::Quiet, ..plain });
    assert_eq!(report(" -v"), Settings { verbosity: Verbosity::Verbose, ..plain });
    assert_eq!(report(" -v -v"), Settings { verbosity: Verbosity::VeryVerbose, ..plain });
    assert_eq!(report(" -vvvv"), Settings { verbosity: Verbosity::Debug, ..plain });
    assert_eq!(report(" --no-progress"), Settings { progress: false, ..plain });
    assert_eq!(report(" --ansi --no-ansi"), Settings { colours: Some(false), ..plain });
    assert_eq!(report(" --no-ansi --ansi"), Settings { colours: Some(true), ..plain });
}

#[test]
fn a_script_takes_its_own_arguments_behind_two_dashes() {
    let Command::Run(run) = read("mwfarm run showJobs one --wiki=a two -- --wiki=b -q -- -x").unwrap().command else {
        panic!("not a run")
    };
    assert_eq!((run.script.as_str(), run.wiki.as_deref()), ("showJobs", Some("a")));
    assert_eq!(run.arguments, ["one", "two", "--wiki=b", "-q", "--", "-x"]);
}

#[test]
fn commands_that_do_not_exist_yet_are_not_offered() {
    for line in ["mwfarm update", "mwfarm help update"] {
        let error = read(line).unwrap_err();
        assert_eq!(error.kind(), clap::error::ErrorKind::InvalidSubcommand, "{line}");
    }
}

#[test]
fn help_is_a_command_as_of_git_and_cargo() {
    for (line, tells) in
        [("mwfarm help", "Commands:"), ("mwfarm help wiki create", "mwfarm wiki create [OPTIONS] <NAME>")]
    {
        let help = read(line).unwrap_err();
        assert!(!help.use_stderr() && help.to_string().contains(tells), "{help}");
    }
}

#[test]
fn wrong_usage_is_refused() {
    for line in [
        "mwfarm build --output out --absolute-paths",
        "mwfarm build -j 0",
        "mwfarm gc --keep 1",
        "mwfarm gc --grace 15",
        "mwfarm rollback --list --to 12",
        "mwfarm build -j 1025",
        "mwfarm build --format xml",
        "mwfarm build --invalidate",
        "mwfarm build --invalidate /run/a.sock",
        "mwfarm build --invalidate tcp:9000",
        "mwfarm build -q -v",
        "mwfarm why",
        "mwfarm graph --format svg",
        "mwfarm build --wikis w.yml --config-dir etc",
        "mwfarm config",
        "mwfarm config show",
        "mwfarm config explain --wiki a",
        "mwfarm run",
        "mwfarm run showJobs",
        "mwfarm run update --all --wiki a",
        "mwfarm run showJobs --wiki a --quick",
        "mwfarm completions",
    ] {
        assert!(read(line).is_err_and(|error| error.use_stderr()), "{line}");
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let names: Vec<String> = manual().unwrap().into_iter().map(|(name, _)| name).collect();
    let commands = Arguments::command();
    let mut expected = vec!["mwfarm.1".to_owned()];
    for command in commands.get_subcommands() {
        expected.push(format!("mwfarm-{}.1", command.get_name()));
        let inner = command.get_subcommands();
        expected.extend(inner.map(|inner| format!("mwfarm-{}-{}.1", command.get_name(), inner.get_name())));
    }
    assert_eq!(names, expected);
    for (name, page) in manual().unwrap() {
        assert!(!String::from_utf8(page).unwrap().contains("\\-help(1)"), "{name} names a page that there is not");
    }
}

#[test]
fn manual_pages_show_the_whole_command() {
    let pages = manual().unwrap();
    let build = pages.iter().find(|(name, _)| name == "mwfarm-build.1").unwrap();
    let text = String::from_utf8(build.1.clone()).unwrap();
    assert!(text.contains("mwfarm\\-build"), "{text}");
    assert!(text.contains("working\\-dir"), "{text}");
}

#[test]
fn completions_know_the_commands() {
    for shell in [clap_complete::Shell::Bash, clap_complete::Shell::Zsh, clap_complete::Shell::Fish] {
        let script = String::from_utf8(completions(shell)).unwrap();
        assert!(script.contains("eject") && script.contains("working-dir"), "{shell}");
    }
}
