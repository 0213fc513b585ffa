//! What is run as a wiki: maintenance scripts, and the shell of its owners.

use std::fs;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::watching::small_core;
use super::{Farm, Plan, Said, wait};

/// A script that does what its first argument says.
const TOOL: &str = "<?php
[ , $what ] = $argv;
switch ( $what ) {
	case 'exit': exit( (int)$argv[2] );
	case 'die': posix_kill( getmypid(), (int)$argv[2] ); sleep( 60 );
	case 'say': fwrite( STDERR, \"to the right\\n\" ); echo \"to the left\\n\"; break;
	case 'read': echo md5( stream_get_contents( STDIN ) ); break;
	case 'words': echo json_encode( array_slice( $argv, 2 ) ); break;
	case 'who':
		$status = file_get_contents( '/proc/self/status' );
		preg_match( '/NoNewPrivs:\\s*(\\d)/', $status, $privileges );
		preg_match( '/CapEff:\\s*(\\w+)/', $status, $capabilities );
		echo json_encode( [
			'uid' => [ posix_getuid(), posix_geteuid(), posix_getgid(), posix_getegid() ], 'groups' => posix_getgroups(),
			'root' => @posix_setuid( 0 ), 'privileges' => $privileges[1], 'capabilities' => $capabilities[1],
			'variables' => array_keys( getenv() ), 'directory' => getcwd(), 'session' => posix_getsid( 0 ) === getmypid(),
		] );
		break;
	case 'wait': file_put_contents( $argv[2], getmypid() ); sleep( 600 );
}
";

fn farm() -> Farm {
    let mut files = small_core();
    files.insert("maintenance/tool.php".to_owned(), TOOL.to_owned());
    files.insert("maintenance/Large.php".to_owned(), "<?php echo 'large';".to_owned());
    files.insert("extensions/X/maintenance/own.php".to_owned(), "<?php echo 'own';".to_owned());
    Farm::with_core(&Plan { users: true, ..Plan::plain() }, &files)
}

fn uid(farm: &Farm, wiki: &str) -> u64 {
    farm.show(wiki)["wiki"]["uid"].as_u64().expect("a number")
}

#[test]
fn scripts_run_as_the_wiki_and_end_as_they_end() {
    let farm = farm();
    farm.create("a");
    let name = farm.name("a");
    let tool = |words: &[&str]| farm.mwfarm([&["run", "tool", "--wiki", &name, "--"], words].concat());
    for code in [0, 1, 7, 255] {
        assert_eq!(tool(&["exit", &code.to_string()]).code, code);
    }
    for (signal, code) in [(9, 137), (15, 143), (2, 130)] {
        let said = tool(&["die", &signal.to_string()]);
        assert_eq!(said.code, code, "{said:?}");
    }
    let said = tool(&["say"]);
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (0, "to the left\n", "to the right\n"));
    let hostile = ["", "--", "--wiki=b", "-x", "$(touch canary)", "`id`", "a b", "a\nb", "'\"", "é", "*", "\\"];
    let said = tool(&[&["words"][..], &hostile].concat()).well();
    assert_eq!(serde_json::from_str::<Vec<String>>(&said).expect("JSON"), hostile);

    // Of its input, every byte.
    let input: Vec<u8> = (0..200_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    fs::write(farm.at("input"), &input).expect("an input");
    let sum = Command::new("md5sum").arg(farm.at("input")).output().expect("md5sum").stdout;
    for piped in [false, true] {
        let mut command = farm.command(["run", "tool", "--wiki", &name, "--", "read"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = if piped {
            let mut child = command.stdin(Stdio::piped()).spawn().expect("mwfarm");
            child.stdin.take().expect("an input").write_all(&input).expect("it reads");
            child
        } else {
            command.stdin(fs::File::open(farm.at("input")).expect("an input")).spawn().expect("mwfarm")
        };
        let said = Said::from(child.wait_with_output().expect("an end")).well();
        assert!(sum.starts_with(said.as_bytes()), "{said}");
    }

    // As nobody else, with nothing of who called.
    let mut command = farm.command(["run", "tool", "--wiki", &farm.host("a"), "--", "who"]);
    let said = Said::from(command.env("PASSWORD_OF_ROOT", "x").output().expect("mwfarm")).well();
    let who: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    let uid = uid(&farm, "a");
    assert_eq!(who["uid"], serde_json::json!([uid, uid, uid, uid]), "{who}");
    assert!(who["groups"].as_array().expect("a list").iter().all(|group| *group == uid), "{who}");
    assert_eq!((&who["root"], &who["privileges"]), (&false.into(), &"1".into()), "{who}");
    assert_eq!(who["capabilities"], "0000000000000000", "{who}");
    let release = farm.at("srv/deployment/releases").join(&name).join(farm.release("a").expect("a release"));
    assert_eq!(who["directory"].as_str().map(Path::new), Some(release.as_path()));
    let mut variables: Vec<&str> =
        who["variables"].as_array().expect("a list").iter().filter_map(serde_json::Value::as_str).collect();
    variables.retain(|variable| *variable != "LANG");
    variables.sort_unstable();
    assert_eq!(variables, ["HOME", "MWFARM_WIKI", "MW_CONFIG_FILE", "MW_INSTALL_PATH", "PATH", "TMPDIR"]);

    // Who ran what is noted; not with what, which may be a password.
    let journal = farm.audit("a");
    let ran: Vec<&str> =
        journal.iter().filter_map(|line| line["why"].as_str()).filter(|why| why.contains(" ran ")).collect();
    assert!(ran.len() > 8 && ran.iter().all(|why| *why == "carol ran maintenance/tool.php"), "{ran:?}");
    let before = journal.len();

    // Only what the tree has.
    for (script, says) in [("large", "large"), ("Large.php", "large"), ("extensions/X/maintenance/own.php", "own")] {
        assert_eq!(farm.mwfarm(["run", script, "--wiki", &name]).well(), says);
    }
    let noted = farm.audit("a").len();
    assert_eq!(noted, before + 3);
    fs::write(farm.at("outside.php"), "<?php touch( 'canary' );").expect("a script");
    for script in [
        "../tool",
        "../../../../outside.php",
        "maintenance/../../../../../outside.php",
        "maintenance/..",
        "/etc/passwd",
        farm.at("outside.php").to_str().expect("UTF-8"),
        "maintenance//tool.php",
        "maintenance/",
        "./LocalSettings.php",
        ".mwfarm/settings.php",
        ".mwfarm/config/LocalSettings.php",
        "maintenance",
        "php://filter/resource=x",
        "tool\n",
        "tool;id",
        "",
        ".",
        "absent",
        "data:,x",
    ] {
        let said = farm.mwfarm(["run", &format!("--wiki={name}"), "--", script]);
        assert_eq!(said.code, 4, "{script:?}: {said:?}");
    }
    assert_eq!(farm.audit("a").len(), noted, "what is refused did not run");
    farm.mwfarm(["run", "tool", "--all"]).badly(4, "--wiki NAME");
    farm.mwfarm(["run", "tool", "--wiki", "absent"]).badly(4, "there is no wiki");
    farm.mwfarm(["wiki", "archive", &name]).well();
    tool(&["say"]).badly(4, "is archived, and serves no code");
    farm.mwfarm(["wiki", "become", &name]).badly(4, "is archived, and serves no code");
}

/// Whoever is ended takes along what it runs.
#[test]
fn a_script_ends_with_who_runs_it() {
    let farm = farm();
    farm.create("a");
    let name = farm.name("a");
    let place = farm.at("data/project").join(&name).join("tmp/pid");
    for (signal, started) in [("KILL", "run"), ("TERM", "run"), ("INT", "run"), ("KILL", "become"), ("TERM", "become")]
    {
        let _ = fs::remove_file(&place);
        let path = place.to_str().expect("UTF-8");
        let shell = format!("echo $$ > {path}; exec sleep 600");
        let words: Vec<&str> = match started {
            "run" => vec!["run", "tool", "--wiki", &name, "--", "wait", path],
            _ => vec!["wiki", "become", &name, "--", "sh", "-c", &shell],
        };
        let mut child = farm.command(&words).spawn().expect("mwfarm");
        wait("it runs", || fs::read_to_string(&place).is_ok_and(|pid| !pid.trim().is_empty()));
        let pid = fs::read_to_string(&place).expect("a number").trim().to_owned();
        let sent = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().expect("kill");
        assert!(sent.success());
        let ended = child.wait().expect("an end");
        assert!(ended.signal().is_some() || ended.code().is_some_and(|code| code >= 128), "{ended:?}");
        wait("the script has ended", || !Path::new("/proc").join(&pid).exists());
    }
}

/// What runs as a wiki could put words into the terminal of whoever runs it, and they would be root's.
#[test]
fn a_wiki_never_has_the_terminal_of_who_becomes_it() {
    let farm = farm();
    farm.create("a");
    let name = farm.name("a");
    let look = "tty; ls -l /proc/self/fd/";
    let inner = farm.command(["wiki", "become", &name, "--", "sh", "-c", look]);
    let words: Vec<String> = std::iter::once(inner.get_program())
        .chain(inner.get_args())
        .map(|word| format!("'{}'", word.to_str().expect("UTF-8").replace('\'', "'\\''")))
        .collect();
    let outer = format!("tty; {}", words.join(" "));
    let output =
        Command::new("script").args(["-qec", &outer, "/dev/null"]).stdin(Stdio::null()).output().expect("script");
    let said = String::from_utf8_lossy(&output.stdout).replace('\r', "");
    let named = said.split("/dev/pts/").skip(1).map(|rest| rest.split(|letter: char| !letter.is_ascii_digit()).next());
    let named: Vec<&str> = named.flatten().collect();
    assert!(named.len() >= 5, "that of who calls; that of the shell, and its input and outputs: {said}");
    assert!(named[1..].iter().all(|terminal| *terminal == named[1] && *terminal != named[0]), "{said}");
    // Without a terminal for all three, it has none at all.
    let said = farm.mwfarm(["wiki", "become", &name, "--", "sh", "-c", "tty; exec < /dev/tty"]);
    assert!(said.out.contains("not a tty") && said.code != 0, "{said:?}");
}

/// A directory that is there as long as this lives.
struct Place(Option<&'static str>);

impl Place {
    fn make(path: &'static str) -> Self {
        Self(fs::create_dir(path).is_ok().then_some(path))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(path) = self.0 {
            let _ = fs::remove_dir(path);
        }
    }
}

#[test]
fn owners_become_their_wikis_and_nobody_elses() {
    let farm = farm();
    farm.mwfarm(["wiki", "create", &farm.name("a"), "--owner", "daemon"]).well();
    farm.create("b");
    let name = farm.name("a");
    let shown = farm.mwfarm([
        "wiki",
        "become",
        &name,
        "--",
        "sh",
        "-c",
        "id -u; id -G; pwd; echo $HOME $USER $LOGNAME; exit 3",
    ]);
    let uid = uid(&farm, "a");
    let home = farm.at("data/project").join(&name);
    assert_eq!(
        (shown.code, shown.out),
        (3, format!("{uid}\n{uid}\n{0}/config.git-work\n{0} wiki-{name} wiki-{name}\n", home.display()))
    );
    let lines = |wiki: &str| {
        farm.audit(wiki)
            .iter()
            .filter(|line| line["why"].as_str().is_some_and(|why| why.ends_with(" became it")))
            .count()
    };
    assert_eq!(lines("a"), 1);
    let last = farm.audit("a").pop().expect("a line");
    assert_eq!(
        (&last["who"], &last["why"], &last["stage"]),
        (&"carol".into(), &"carol became it".into(), &"noted".into())
    );

    // By sudo, the farm is that of `/etc/mediawiki`: here, in a place of its own.
    let _place = Place::make("/etc/mediawiki");
    let at_home = "mount --bind \"$0\" /etc/mediawiki && exec \"$@\"";
    let by_sudo = |user: &str, words: &[&str]| -> Said {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", at_home]).arg(&farm.base).arg(env!("CARGO_BIN_EXE_mwfarm")).args(words);
        command.env("SUDO_USER", user).env("LOGNAME", "root").stdin(Stdio::null()).output().expect("unshare").into()
    };
    let possible = by_sudo("root", &["wiki", "list"]);
    if possible.err.contains("unshare: ") || possible.err.contains("permission denied") {
        let _ = writeln!(std::io::stderr(), "nothing can be mounted here: owners are not tried");
        return;
    }
    possible.well();
    let other = farm.name("b");
    for user in ["daemon", "news", "wiki-a", "nobody", &format!("wiki-{name}")] {
        for wiki in [&name, &other] {
            let may = user == "daemon" && *wiki == name;
            let ran =
                by_sudo(user, &["wiki", "become", wiki, "--", "git", "commit", "--allow-empty", "-qm", "by an owner"]);
            let script = by_sudo(user, &["run", "show", "--wiki", wiki]);
            for said in [ran, script] {
                if may {
                    said.well();
                } else {
                    said.badly(4, &format!("`{user}` does not own `{wiki}`"));
                }
            }
        }
    }
    // Who did it is in both histories.
    assert_eq!((lines("a"), lines("b")), (2, 0));
    let audit = farm.audit("a");
    let by_owner: Vec<&str> =
        audit.iter().filter(|line| line["who"] == "daemon").filter_map(|line| line["why"].as_str()).collect();
    assert_eq!(by_owner, ["daemon became it", "daemon ran maintenance/show.php"]);
    let log = farm.mwfarm(["wiki", "become", &name, "--", "git", "log", "-1", "--format=%an"]).well();
    assert_eq!(log, "daemon\n");
    // Nobody else's wiki by a link, a host, or another farm.
    by_sudo("daemon", &["run", "show", "--wiki", &farm.host("b")]).badly(4, "does not own");
    by_sudo("daemon", &["run", "show", "--wiki", &farm.host("a")]).well();
    by_sudo("daemon", &["wiki", "become", &name, "--config-dir", "/tmp", "--", "id"]).badly(4, "may not choose a farm");
    // Who does not own it any more does not become it any more.
    by_sudo("root", &["wiki", "owners", &name, "--nobody"]).well();
    by_sudo("daemon", &["wiki", "become", &name, "--", "id"]).badly(4, "does not own");
}
