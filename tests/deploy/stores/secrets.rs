//! Secrets: made once, for nobody else's eyes.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use mwfarm::deploy::{secrets, users};

use super::ground::{Ground, as_user, output};
use crate::meanwhile::End;

#[test]
fn secrets_stay_and_only_their_wiki_reads_them() {
    let mut ground = Ground::new(&[]);
    let (a, b) = (ground.wiki("a"), ground.wiki("b"));
    for wiki in [&a, &b] {
        users::ensure(&ground.options, wiki).expect("a user");
        // A kill left one that was not finished.
        let left = ground.root().join(format!("srv/private/.new.{}.git", wiki.name));
        fs::create_dir_all(left.join("objects")).expect("a directory");
        assert!(secrets::ensure(&ground.options, wiki).expect("secrets"));
        assert!(!left.exists());
    }
    let before = ground.listing();
    assert!(!secrets::ensure(&ground.options, &a).expect("secrets"));
    assert_eq!(ground.listing(), before);
    let first = secrets::read(&ground.options, &a.name).expect("secrets");
    assert_ne!(first, secrets::read(&ground.options, &b.name).expect("secrets"));

    let (private, file) = (ground.options.layout.private(&a.name), ground.options.layout.secrets(&a.name));
    let mode = |path: &std::path::Path| {
        let there = fs::symlink_metadata(path).expect("it is there");
        (there.uid(), there.gid(), there.mode() & 0o7777)
    };
    assert_eq!(mode(&private), (0, 0, 0o700));
    assert_eq!(mode(private.parent().expect("a directory")), (0, 0, 0o700));
    assert_eq!(mode(&file), (0, a.uid.expect("a number"), 0o440));
    let path = file.to_str().expect("UTF-8");
    let code = format!("$s = require '{path}'; echo $s['settings']['wgSecretKey'], $s['redis']['prefix'];");
    let read = |uid: u32| as_user(uid, "/".as_ref(), "php", &["-r", &code]);
    let text = format!("{}{}:", first.secret_key, first.cache_prefix);
    assert_eq!(read(a.uid.expect("a number")), (true, text));
    let (well, said) = read(b.uid.expect("a number"));
    assert!(!well && said.contains("Permission denied"), "{said}");
    let (well, _) = as_user(a.uid.expect("a number"), "/".as_ref(), "ls", &[private.to_str().expect("UTF-8")]);
    assert!(!well, "a wiki does not read the repository");
    let (well, _) = as_user(a.uid.expect("a number"), "/".as_ref(), "ls", &[file.parent().unwrap().to_str().unwrap()]);
    assert!(!well, "nor who else has secrets");

    // After a restart of the machine the file is gone; wider rights are taken back.
    fs::remove_file(&file).expect("the file");
    assert!(secrets::ensure(&ground.options, &a).expect("secrets"));
    assert!(output("chmod", &["0444", path]).status.success());
    assert!(secrets::ensure(&ground.options, &a).expect("secrets"));
    assert_eq!(mode(&file), (0, a.uid.expect("a number"), 0o440));
    assert_eq!(secrets::read(&ground.options, &a.name).expect("secrets"), first);

    // Rotated, also after a kill.
    fs::write(private.join("refs/heads/main.lock"), "").expect("a lock");
    let second = secrets::rotate(&ground.options, &a.name).expect("new secrets");
    assert_eq!(secrets::read(&ground.options, &a.name).expect("secrets"), second);
    assert_eq!((&second.cache_prefix, &second.admin_password), (&first.cache_prefix, &first.admin_password));
    assert!(second.secret_key != first.secret_key && second.redis_password != first.redis_password);
    assert!(secrets::render(&ground.options, &a).expect("the file"));

    // Removed and made again, they are others.
    assert!(secrets::remove(&ground.options, &a.name).expect("they go"));
    assert!(!secrets::remove(&ground.options, &a.name).expect("they are gone"));
    assert!(!private.exists() && !file.exists());
    assert!(secrets::ensure(&ground.options, &a).expect("secrets"));
    assert_ne!(secrets::read(&ground.options, &a.name).expect("secrets").cache_prefix, first.cache_prefix);
}

/// An operator adds one setting after another, as a push does, while everything else is made anew: at most three a time,
/// so that the disk may be as slow as it likes.
#[test]
fn what_an_operator_pushes_is_not_lost_when_secrets_are_rotated() {
    let mut ground = Ground::new(&[]);
    let wiki = ground.wiki("a");
    users::ensure(&ground.options, &wiki).expect("a user");
    secrets::ensure(&ground.options, &wiki).expect("secrets");
    let private = ground.options.layout.private(&wiki.name);
    let git = |arguments: &[&str], input: &str| {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=o", "-c", "user.email=o@localhost", "-C"]).arg(&private).args(arguments);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("git");
        child.stdin.take().expect("an input").write_all(input.as_bytes()).expect("it reads");
        let output = child.wait_with_output().expect("it ends");
        (output.status.success(), String::from_utf8(output.stdout).expect("UTF-8").trim_end().to_owned())
    };
    let (ended, allowed) = (AtomicBool::new(false), AtomicU32::new(0));
    let added = std::thread::scope(|scope| {
        let operator = scope.spawn(|| {
            let (mut added, mut tries) = (0, 0);
            loop {
                if added >= allowed.load(Ordering::Relaxed) {
                    if ended.load(Ordering::Relaxed) {
                        return added;
                    }
                    std::thread::sleep(Duration::from_millis(1));
                    continue;
                }
                tries += 1;
                assert!(tries < 10_000, "nothing is taken of what is pushed");
                let tip = git(&["rev-parse", "refs/heads/main"], "").1;
                let json = git(&["cat-file", "blob", &format!("{tip}:secrets.json")], "").1;
                let mut json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
                json["settings"][format!("wgAdded{added}")] = added.into();
                let blob = git(&["hash-object", "-w", "--stdin"], &json.to_string()).1;
                let tree = git(&["mktree"], &format!("100644 blob {blob}\tsecrets.json\n")).1;
                let sha = git(&["commit-tree", "-m", "a setting", "-p", &tip, &tree], "").1;
                added += u32::from(git(&["update-ref", "refs/heads/main", &sha, &tip], "").0);
            }
        });
        let end = End(&ended);
        for _ in 0..10 {
            allowed.fetch_add(3, Ordering::Relaxed);
            secrets::rotate(&ground.options, &wiki.name).expect("new secrets");
        }
        drop(end);
        operator.join().expect("an operator")
    });
    let settings = secrets::read(&ground.options, &wiki.name).expect("secrets").settings;
    assert_eq!(added, 30);
    assert_eq!(settings.len(), added as usize, "{:?}", settings.keys());
    assert_eq!(git(&["rev-list", "--count", "refs/heads/main"], "").1, (1 + 10 + added).to_string());

    // The lock of a push that is at work is left to it; after its death it is removed.
    let lock = private.join("refs/heads/main.lock");
    fs::write(&lock, "").expect("a lock");
    let mut push = Command::new("bash");
    push.args(["-c", "exec -a git-receive-pack sleep 60"]).current_dir(&private);
    let mut push = push.spawn().expect("a push");
    let words = format!("/proc/{}/cmdline", push.id());
    crate::deploy::farm::wait("the push is at work", || {
        fs::read(&words).is_ok_and(|words| words.starts_with(b"git-receive-pack"))
    });
    std::thread::scope(|scope| {
        let rotated = scope.spawn(|| secrets::rotate(&ground.options, &wiki.name));
        std::thread::sleep(Duration::from_secs(1));
        let waits = lock.exists() && !rotated.is_finished();
        push.kill().expect("a signal");
        push.wait().expect("its end");
        assert!(waits, "it waits for the push");
        rotated.join().expect("it ends").expect("new secrets");
    });
    assert!(!lock.exists());
}
