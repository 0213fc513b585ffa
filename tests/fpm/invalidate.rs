//! `mwfarm build --invalidate`: pools that never look at files again are told.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::thread;

use serde_json::{Value, json};

use super::tree::{HOSTS, State, Tree, shown_at};
use super::{Pool, Settings};

const FIRST: State = State { with_harbour: 0, steps: 0 };
const SECOND: State = State { with_harbour: 1, steps: 1 };

/// One worker, whose OPcache never looks at files again.
fn blind() -> Settings {
    Settings::new(1).ini("opcache.validate_timestamps", "0")
}

/// The pools that a summary tells of, each without what differs between machines.
fn invalidated(summary: &Value) -> Vec<Value> {
    let mut pools = summary["invalidated"].as_array().expect("a list").clone();
    for pool in &mut pools {
        assert!(pool["pool"].as_str().is_some_and(|name| name.starts_with("unix:/")), "{pool}");
        pool["pool"] = Value::Null;
        if let Some(php) = pool["php"].as_str() {
            assert!(php.starts_with(['7', '8', '9']), "{pool}");
            pool["php"] = json!("PHP");
        }
    }
    pools
}

fn told() -> Value {
    let files = ["autoload.php", "mwfarm_extensions.php", "composer/installed.php", "MediaWikiExtensions.php"];
    json!({ "pool": null, "php": "PHP", "opcache": true, "files": files, "error": null })
}

#[test]
fn a_pool_that_is_told_serves_the_new_generation_and_no_other_does() {
    let tree = Tree::new();
    tree.build(&[]);
    let (told_pool, other) = (Pool::start(&blind()), Pool::start(&blind()));
    for pool in [&told_pool, &other] {
        assert_eq!(tree.shown(pool, 0), FIRST.shown(0));
    }
    tree.enter(SECOND);
    assert_eq!(invalidated(&tree.build(&[&told_pool])), [told()]);
    for wiki in 0..HOSTS.len() {
        assert_eq!(tree.shown(&told_pool, wiki), SECOND.shown(wiki));
        assert_eq!(tree.shown(&other, wiki), FIRST.shown(wiki), "this pool looks at files: the test proves nothing");
    }
    // Nothing is written this time: telling can be repeated.
    assert_eq!(invalidated(&tree.build(&[&other, &told_pool])), [told(), told()]);
    for wiki in 0..HOSTS.len() {
        assert_eq!(tree.shown(&other, wiki), SECOND.shown(wiki));
    }
    let said = String::from_utf8(tree.run(&["build", "--invalidate", &other.address().to_string()]).stderr).unwrap();
    assert!(said.contains(&format!("told `{}` (PHP ", other.address())), "{said}");
    assert!(
        said.contains("): autoload.php, mwfarm_extensions.php, composer/installed.php, MediaWikiExtensions.php\n"),
        "{said}"
    );
}

#[test]
fn a_pool_that_reaches_the_tree_through_links_is_told() {
    let tree = Tree::new();
    let (current, parent) = (tree.beside("current"), tree.beside("parent"));
    symlink(tree.root(), &current).expect("a link");
    symlink(tree.beside("."), &parent).expect("a link");
    let ways = [tree.root(), current.clone(), parent.join("current")];
    tree.build(&[]);
    let pool = Pool::start(&blind());
    for way in &ways {
        assert_eq!(shown_at(way, &pool, 0), FIRST.shown(0), "{}", way.display());
    }
    tree.enter(SECOND);
    tree.build(&[&pool]);
    for way in &ways {
        assert_eq!(shown_at(way, &pool, 0), SECOND.shown(0), "{}", way.display());
    }
    // And when mwfarm itself goes through a link.
    tree.enter(FIRST);
    let address = pool.address().to_string();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_mwfarm"))
        .env("MWFARM_CACHE_DIR", "/dev/null")
        .args(["build", "-q", "--invalidate", &address, "-d"])
        .arg(&current)
        .output()
        .expect("mwfarm runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for way in &ways {
        let shown = shown_at(way, &pool, 1);
        assert_eq!(shown.packages, FIRST.shown(1).packages, "{}", way.display());
    }
}

#[test]
fn a_copy_is_told_and_not_the_tree_it_was_made_of() {
    let tree = Tree::new();
    let copy = tree.beside("copy");
    fs::create_dir(&copy).expect("a directory");
    for name in ["extensions", "start.php"] {
        symlink(tree.root().join(name), copy.join(name)).expect("a link");
    }
    let vendor = copy.join("vendor");
    let vendor = vendor.to_str().expect("a path in UTF-8");
    let pool = Pool::start(&blind());
    let address = pool.address().to_string();
    let build = || tree.run(&["build", "--output", vendor, "--invalidate", &address]);
    for state in [FIRST, SECOND] {
        tree.enter(state);
        let output = build();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let shown = shown_at(&copy, &pool, 1);
        assert_eq!(shown.packages, state.shown(1).packages);
    }
}

#[test]
fn plans_tell_nobody() {
    let tree = Tree::new();
    tree.build(&[]);
    let pool = Pool::start(&blind());
    assert_eq!(tree.shown(&pool, 0), FIRST.shown(0));
    // The state in which telling would matter: published, but nobody was told.
    tree.enter(SECOND);
    tree.build(&[]);
    let address = pool.address().to_string();
    for flag in ["--dry-run", "--locked"] {
        let output = tree.run(&["build", flag, "--invalidate", &address, "--format", "json"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let summary = serde_json::from_slice(&output.stdout).expect("a summary");
        assert_eq!(invalidated(&summary), [Value::Null; 0]);
        assert_eq!(tree.shown(&pool, 0), FIRST.shown(0));
    }
}

#[test]
fn a_pool_without_opcache_is_done_at_once() {
    let tree = Tree::new();
    let pool = Pool::start(&blind().ini("opcache.enable", "0"));
    let expected = json!({ "pool": null, "php": "PHP", "opcache": false, "files": [], "error": null });
    assert_eq!(invalidated(&tree.build(&[&pool])), [expected]);
    let said = String::from_utf8(tree.run(&["build", "--invalidate", &pool.address().to_string()]).stderr).unwrap();
    assert!(said.ends_with("), whose OPcache is off\n"), "{said}");
}

#[test]
fn the_web_gets_nothing_of_it() {
    let tree = Tree::new();
    let summary = tree.build(&[]);
    let pool = Pool::start(&blind());
    assert_eq!(tree.shown(&pool, 0), FIRST.shown(0));
    tree.enter(SECOND);
    let generation = tree.build(&[])["generation"].as_str().expect("a generation").to_owned();
    let before = summary["generation"].as_str().expect("a generation");
    let script = runtime(&tree).join("invalidate.php");
    let files = ("MWFARM_INVALIDATE_FILES", "autoload.php");
    let requests: [&[(&str, &str)]; 6] = [
        &[],
        // What a client can send.
        &[("HTTP_MWFARM_INVALIDATE", &generation), ("QUERY_STRING", "MWFARM_INVALIDATE=1"), files],
        // Another generation, none, and what only looks like one.
        &[("MWFARM_INVALIDATE", before), files],
        &[("MWFARM_INVALIDATE", ""), files],
        &[("MWFARM_INVALIDATE", "__DIR__"), files],
        &[("MWFARM_INVALIDATE", &generation)],
    ];
    for parameters in requests {
        let response = pool.get(&script, parameters);
        let said = (response.status, response.body.as_slice(), response.stderr.as_slice());
        assert_eq!(said, (404, b"".as_slice(), b"".as_slice()), "{parameters:?}");
        assert_eq!(tree.shown(&pool, 0), FIRST.shown(0), "{parameters:?}");
    }
    let response = pool.get(&script, &[("MWFARM_INVALIDATE", &generation), files]);
    assert_eq!(response.status, 200);
    assert_eq!(tree.shown(&pool, 0), SECOND.shown(0));
}

/// The directory of the runtime, of which there is one.
fn runtime(tree: &Tree) -> PathBuf {
    let entries = fs::read_dir(tree.root().join("vendor")).expect("vendor/");
    let mut runtimes = entries.map(|entry| entry.expect("an entry").path()).filter(|path| {
        path.is_dir() && path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"mwfarm_"))
    });
    runtimes.next().expect("a runtime")
}

#[test]
fn pools_that_cannot_be_told_are_named_and_the_others_are_told() {
    let tree = Tree::new();
    tree.build(&[]);
    let good = Pool::start(&blind());
    assert_eq!(tree.shown(&good, 0), FIRST.shown(0));
    let extensions = Pool::start(&blind().pool("security.limit_extensions", ".php5"));
    let elsewhere = Pool::start(&blind().ini("open_basedir", "/nonexistent"));
    let restricted = Pool::start(&blind().ini("opcache.restrict_api", "/nonexistent"));
    let disabled = Pool::start(&blind().ini("disable_functions", "opcache_invalidate"));
    let chatty = tree.beside("prepended.php");
    fs::write(&chatty, "Good morning.\n").expect("a file");
    let chatty = Pool::start(&blind().ini("auto_prepend_file", chatty.to_str().expect("a path in UTF-8")));
    let sockets = tempfile::tempdir().expect("a temporary directory");
    let silent = server(sockets.path().join("silent"), b"");
    let web = server(sockets.path().join("web"), b"HTTP/1.1 400 Bad Request\r\n\r\n");
    let refusing = sockets.path().join("refusing");
    drop(UnixListener::bind(&refusing).expect("a socket"));

    let unix = |name: &str| format!("unix:{}/{name}", sockets.path().display());
    let cases = [
        (good.address().to_string(), None),
        (unix("none"), Some("No such file or directory")),
        (unix("refusing"), Some("Connection refused")),
        (unix("silent"), Some("did not answer within 15 s")),
        (unix("web"), Some("what answers there is not FastCGI")),
        (extensions.address().to_string(), Some("invalidate.php` (status 403: ")),
        (elsewhere.address().to_string(), Some("open_basedir restriction in effect")),
        (
            restricted.address().to_string(),
            Some(
                "refuses to give up autoload.php, mwfarm_extensions.php, composer/installed.php, MediaWikiExtensions.php",
            ),
        ),
        (
            disabled.address().to_string(),
            Some(
                "refuses to give up autoload.php, mwfarm_extensions.php, composer/installed.php, MediaWikiExtensions.php",
            ),
        ),
        (chatty.address().to_string(), Some("does: Good morning. {")),
        ("tcp:127.0.0.1:1".to_owned(), Some("Connection refused")),
    ];
    tree.enter(SECOND);
    let mut arguments = vec!["build", "--format", "json"];
    arguments.extend(cases.iter().flat_map(|(address, _)| ["--invalidate", address.as_str()]));
    let output = tree.run(&arguments);
    drop((silent, web));
    assert_eq!(output.status.code(), Some(1));
    let summary: Value = serde_json::from_slice(&output.stdout).expect("a summary");
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    let generation = summary["generation"].as_str().expect("a generation");
    for ((address, cause), pool) in cases.iter().zip(summary["invalidated"].as_array().expect("a list")) {
        assert_eq!(pool["pool"].as_str(), Some(address.as_str()));
        let error = pool["error"].as_str();
        assert!(
            error.is_some() == cause.is_some() && error.unwrap_or_default().contains(cause.unwrap_or_default()),
            "{pool}"
        );
        let what = format!("error: generation {generation} is published, but the pool `{address}` could not be told\n");
        assert_eq!(said.contains(&what), cause.is_some(), "{said}");
    }
    assert_eq!(said.matches("\nhint: reload the pool (`systemctl reload php-fpm`)").count(), cases.len() - 1, "{said}");
    assert_eq!(tree.shown(&good, 0), SECOND.shown(0));
    let locked = tree.run(&["build", "--locked"]);
    assert!(locked.status.success(), "it is not published: {}", String::from_utf8_lossy(&locked.stderr));
}

/// A server that answers every connection with the same, once: it ends when its client goes.
fn server(path: PathBuf, answer: &'static [u8]) -> thread::JoinHandle<()> {
    let listener = UnixListener::bind(path).expect("a socket");
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        stream.write_all(answer).expect("written");
        let _ = stream.read_to_end(&mut Vec::new());
    })
}

#[test]
fn the_error_of_another_generation_says_so() {
    // A pool in a container may see another tree at the same path; here the dispatcher is replaced while it is told.
    let tree = Tree::new();
    tree.build(&[]);
    let replace = tree.beside("replace.php");
    let dispatcher = tree.root().join("vendor/autoload.php");
    let text =
        format!("<?php if (isset($_SERVER['MWFARM_INVALIDATE'])) {{ file_put_contents({dispatcher:?}, '<?php'); }}\n");
    fs::write(&replace, text).expect("a file");
    let pool = Pool::start(&blind().ini("auto_prepend_file", replace.to_str().expect("a path in UTF-8")));
    let output = tree.run(&["build", "--invalidate", &pool.address().to_string()]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(said.contains("caused by: it sees another generation in `"), "{said}");
}
