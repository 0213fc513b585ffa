//! Names and trees that shells, paths, web servers or databases would take for something else, through the whole program:
//! refused with a reason, nothing executed, nothing made.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};

use super::watching::{Clone, small_core};
use super::{Farm, Plan, Said, chmod, git, wait};

/// What git takes behind `refs/heads/wiki/`, and no wiki can be called.
pub(super) const NAMES: &[&str] = &[
    "$(touch${IFS}canary)",
    "`touch${IFS}canary`",
    "a;touch${IFS}canary",
    "a|touch${IFS}canary",
    "a&touch${IFS}canary&",
    "a>canary",
    "a$(touch${IFS}canary)",
    "${IFS}",
    "$HOME",
    "a'b",
    "a\"b",
    "a';DROP${IFS}TABLE${IFS}user;--",
    "a`b",
    "%2e%2e",
    "a%00",
    "a%2fb",
    "x/-a",
    "-a",
    "--upload-pack=touch${IFS}canary",
    "--help",
    "<b>a</b>",
    "<script>",
    "#a",
    "!a",
    "a,b",
    "a=b",
    "a@b",
    "a+b",
    "a(b)",
    "a{b}",
    "a.b",
    "a_b",
    "a/b",
    "A",
    "Alpha",
    "1a",
    "a--b",
    "a-",
    "next--a",
    "xn--a",
    "www",
    "é",
    "ａ",
    "а",
    "a\u{200d}b",
    "a\u{202e}b",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];

/// What git does not take, but a command line or a message can hold.
const MORE_NAMES: &[&str] = &[
    "",
    ".",
    "..",
    "../a",
    "/etc/passwd",
    "a b",
    "a\nb",
    "a\tb",
    "a\u{1b}[31m",
    "a..b",
    "a.lock",
    "a@{0}",
    "a\\b",
    "a~1",
    "a^",
    "a:b",
    "a?b",
    "a*",
];

/// Fails if something was executed that touches a file.
#[track_caller]
fn nothing_ran(farm: &Farm) {
    let find = Command::new("find").arg(&farm.base).args(["-name", "*canary*"]).output().expect("find");
    // Refs in the repository that is pushed to have such names.
    let found = String::from_utf8_lossy(&find.stdout).into_owned();
    let found: Vec<&str> =
        found.lines().filter(|path| !path.contains("core.git/") && !path.contains("/clone-")).collect();
    assert_eq!(found, [""; 0]);
    for directory in [std::env::current_dir().expect("a directory"), "/".into(), farm.at("core.git")] {
        assert!(!directory.join("canary").exists(), "{}", directory.display());
    }
}

#[test]
fn names_on_the_command_line_are_refused() {
    let farm = Farm::with_core(&Plan::plain(), &small_core());
    farm.create("a");
    let before = farm.listing(".");
    let long = "a".repeat(10_000);
    let name = farm.name("a");
    for hostile in NAMES.iter().chain(MORE_NAMES).copied().chain([long.as_str()]) {
        let refused = |arguments: &[&str]| {
            let said = farm.mwfarm(arguments);
            assert_eq!(said.code, 4, "{arguments:?}: {said:?}");
            assert!(said.err.contains("error") && !said.err.contains('\u{1b}'), "{arguments:?}: {said:?}");
        };
        refused(&["wiki", "create", "--", hostile]);
        refused(&["deploy", "--", hostile]);
        refused(&["deploy", &name, &format!("--rev={hostile}")]);
        refused(&["wiki", "create", "good", &format!("--base={hostile}")]);
        // A label that a wiki's name could not be is a host all the same.
        if !matches!(hostile, "A" | "Alpha" | "1a" | "www" | "a_b" | "a-" | "-a" | "next--a") {
            refused(&["wiki", "create", "good", &format!("--host={hostile}.wiki.test")]);
        }
        refused(&["wiki", "create", "good", &format!("--owner={hostile}")]);
        if hostile.len() < 100 {
            refused(&["wiki", "delete", &format!("--yes-i-mean={hostile}"), "--", hostile]);
            refused(&["watch", "reconcile", "--", hostile]);
            for verb in ["show", "hold", "resume", "rotate", "archive", "restore", "become"] {
                let reason: &[&str] = if verb == "hold" { &["why"] } else { &[] };
                refused(&[&["wiki", verb, "--", hostile], reason].concat());
            }
            refused(&["wiki", "owners", "--", &name, hostile]);
            refused(&["run", "show", &format!("--wiki={hostile}")]);
            refused(&["run", &format!("--wiki={name}"), "--", &format!("../{hostile}")]);
        }
    }
    let told: Vec<_> =
        fs::read_dir(farm.at("var/lib/mwfarm/locks")).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(farm.listing("."), before, "{told:?}");
    nothing_ran(&farm);
}

#[test]
fn branches_events_and_lines_with_such_names_lead_to_nothing() {
    let farm =
        Farm::with_core(&Plan::plain().with("project: a/core").with("create-from-branches: true"), &small_core());
    farm.create("a");
    farm.hooks();
    farm.mwfarm(["watch", "worker", "--once"]).well();
    let clone = Clone::of(&farm, "a", "x");
    let commit = clone.commit("file.txt", "1");
    let state = |farm: &Farm| ["srv", "var", "data", "etc"].map(|below| farm.listing(below));
    // The worker cleans the core repository once a day, which is another matter.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    fs::write(farm.at("var/lib/mwfarm/cleaned"), now.to_string()).unwrap();
    let before = state(&farm);
    for name in NAMES {
        let (taken, said) = clone.try_push(&[], &format!("refs/heads/wiki/{name}"));
        assert!(!taken && said.contains("is the branch of no wiki: its name "), "{name}: {said}");
        assert!(said.lines().all(|line| !line.starts_with("remote:") || !line.contains('\u{202e}')), "{said}");
    }
    // Which are nobody's affair elsewhere.
    let all: Vec<String> = NAMES.iter().map(|name| format!("HEAD:refs/heads/other/{name}")).collect();
    git(&clone.directory, ["push", "-q", "origin"].into_iter().chain(all.iter().map(String::as_str)));
    assert_eq!(state(&farm), before);

    // A server without our hooks has them all, and what is no UTF-8.
    fs::remove_file(farm.at("core.git/hooks/pre-receive")).unwrap();
    let all: Vec<String> = NAMES
        .iter()
        .filter(|name| !matches!(**name, "a/b" | "x/-a"))
        .map(|name| format!("HEAD:refs/heads/wiki/{name}"))
        .collect();
    let output = git(&clone.directory, ["push", "origin"].into_iter().chain(all.iter().map(String::as_str)));
    assert_eq!(output, "");
    let zero = "0".repeat(40);
    for name in NAMES.iter().chain(MORE_NAMES) {
        let line = format!("{zero} {commit} refs/heads/wiki/{name}\n");
        let said = hook(&farm, "post-receive", line.as_bytes());
        assert_eq!((said.code, said.out.contains("is queued to be deployed")), (0, false), "{said:?}");
        let reference = serde_json::Value::from(format!("refs/heads/wiki/{name}"));
        let event = format!(
            r#"{{"type":"ref-updated","refUpdate":{{"project":"a/core","refName":{reference},"oldRev":"{zero}","newRev":"{commit}"}}}}"#
        );
        let said = input(&farm, &["watch", "gerrit", "--stdin"], event.as_bytes());
        assert!(said.err.contains("is the branch of no wiki") && !said.err.contains('\u{1b}'), "{name}: {said:?}");
        assert_eq!(said.well(), "0 pushes were queued\n");
    }
    // Other branches are none of ours even when their names are no text.
    let latin = [b"0".repeat(40), commit.clone().into_bytes(), b"refs/heads/caf\xe9".to_vec()].join(&b' ');
    assert_eq!(hook(&farm, "pre-receive", &latin).code, 0);
    let latin = [b"0".repeat(40), commit.clone().into_bytes(), b"refs/heads/wiki/caf\xe9".to_vec()].join(&b' ');
    hook(&farm, "pre-receive", &latin).badly(4, "is the branch of no wiki");
    for line in [b"x".to_vec(), vec![b'x'; 5 << 20], b"\0\0\0".to_vec()] {
        assert_eq!(hook(&farm, "pre-receive", &line).code, 4);
        assert_eq!(hook(&farm, "post-receive", &line).code, 0);
    }
    assert_eq!(farm.queued(), 0);
    // All that a look does with them is to say so.
    let worker = farm.worker("2");
    worker.until_it_says("the look at all wikis: nothing to do");
    worker.stop();
    let said = farm.mwfarm(["watch", "reconcile"]);
    assert!(!said.out.contains('\u{202e}') && !said.err.contains('\u{202e}'), "{said:?}");
    assert_eq!(state(&farm), before);
    nothing_ran(&farm);
}

fn hook(farm: &Farm, hook: &str, lines: &[u8]) -> Said {
    let mut command = farm.command(["watch", "hook", hook]);
    command.current_dir(farm.at("core.git"));
    feed(command, lines)
}

fn input(farm: &Farm, arguments: &[&str], text: &[u8]) -> Said {
    feed(farm.command(arguments), text)
}

fn feed(mut command: Command, text: &[u8]) -> Said {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("mwfarm");
    // It need not read all of it.
    let _ = child.stdin.take().expect("its input").write_all(text);
    child.wait_with_output().expect("its end").into()
}

/// A commit with these changes of the index: mode, content (a target, a commit) and path.
fn commit_of(clone: &Clone, changes: &[(&str, &[u8], &str)]) -> String {
    let run = |arguments: &[&str], text: &[u8]| {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=carol", "-c", "user.email=carol@wiki.test"]).args(arguments);
        command.current_dir(&clone.directory).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("git");
        child.stdin.take().expect("its input").write_all(text).expect("written");
        let output = child.wait_with_output().expect("its end");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    run(&["reset", "-q", "--hard", "@{upstream}"], b"");
    for (mode, content, path) in changes {
        let object = if *mode == "160000" {
            run(&["rev-parse", "HEAD"], b"")
        } else {
            run(&["hash-object", "-w", "--stdin"], content)
        };
        run(&["update-index", "--add", "--cacheinfo", &format!("{mode},{object},{path}")], b"");
    }
    run(&["commit", "-q", "-m", "hostile"], b"");
    run(&["rev-parse", "HEAD"], b"")
}

type Changes<'a> = &'a [(&'a str, &'a [u8], &'a str)];

#[test]
fn trees_that_are_no_code_are_refused_by_the_hook_and_by_the_deploy() {
    let farm = Farm::with_core(&Plan::plain().with("limits: {files: 300}"), &small_core());
    farm.create("a");
    farm.hooks();
    let clone = Clone::of(&farm, "a", "x");
    let many: Vec<(String, String)> = (0..300).map(|number| (format!("many/{number}"), number.to_string())).collect();
    let many: Vec<(&str, &[u8], &str)> =
        many.iter().map(|(path, text)| ("100644", text.as_bytes(), path.as_str())).collect();
    let modules = b"[submodule \"x\"]\n\tpath = x\n\turl = ext::touch canary\n\tupdate = !touch canary\n";
    let trees: &[(&str, Changes<'_>)] = &[
        ("LocalSettings.php", &[("100644", b"<?php", "LocalSettings.php")]),
        ("LocalSettings.php", &[("120000", b"/etc/shadow", "LocalSettings.php")]),
        ("an absolute path", &[("120000", b"/etc/passwd", "includes/a")]),
        ("includes/up", &[("120000", b"../../x", "includes/up")]),
        (
            "`x`",
            &[
                ("120000", b"includes/Page.php", "a"),
                ("120000", b"b/../../../secret", "x"),
                ("120000", b"includes", "b"),
            ],
        ),
        ("submodule", &[("100644", modules, ".gitmodules"), ("160000", b"", "x")]),
        (".mwfarm", &[("100644", b"<?php", ".mwfarm/settings.php")]),
        ("REVISION", &[("100644", b"0", "REVISION")]),
        ("files", &many),
    ];
    let branch = format!("refs/heads/wiki/{}", farm.name("a"));
    let state = || ["srv/deployment/releases", "srv/deployment/servicegroup", "data"].map(|below| farm.listing(below));
    let before = state();
    for (why, changes) in trees {
        let commit = commit_of(&clone, changes);
        let (taken, said) = clone.try_push(&[], &branch);
        assert!(!taken && said.contains("cannot be the code of") && said.contains(why), "{why}: {said}");
        // What a server without our hooks takes.
        fs::rename(farm.at("core.git/hooks/pre-receive"), farm.at("pre-receive")).unwrap();
        let old = farm.tip("a");
        git(&clone.directory, ["push", "-q", "-f", "origin", &format!("HEAD:{branch}")]);
        let said = farm.deploy("a");
        assert!(said.code != 0 && said.err.contains(why), "{why}: {said:?}");
        assert_eq!(state(), before, "{why}");
        assert_eq!(farm.journal("a").last().unwrap()["code"].as_str(), Some(commit.as_str()), "{why}");
        git(&farm.at("core.git"), ["update-ref", &branch, &old]);
        git(&clone.directory, ["update-ref", &format!("refs/remotes/origin/wiki/{}", farm.name("a")), &old]);
        fs::rename(farm.at("pre-receive"), farm.at("core.git/hooks/pre-receive")).unwrap();
    }
    nothing_ran(&farm);
    // A good one goes through after all that.
    commit_of(&clone, &[("100644", b"x", "good")]);
    assert!(clone.try_push(&[], &branch).0);
    farm.deploy("a").well();
    assert_eq!(farm.served("a"), farm.tip("a"));
}

#[test]
fn what_a_core_repository_would_run_is_not_run() {
    let farm = Farm::with_core(&Plan::plain(), &small_core());
    let core = farm.at("core.git");
    let canary = format!("touch {}/canary", farm.base.display());
    for setting in
        ["core.fsmonitor", "core.sshCommand", "core.gitProxy", "uploadpack.packObjectsHook", "gc.recentObjectsHook"]
    {
        git(&core, ["config", setting, &canary]);
    }
    git(&core, ["config", "protocol.ext.allow", "always"]);
    for hook in ["post-checkout", "post-merge", "pre-auto-gc", "post-index-change", "fsmonitor-watchman", "pre-push"] {
        let path = core.join("hooks").join(hook);
        fs::write(&path, format!("#!/bin/sh\n{canary}\n")).unwrap();
        chmod(&path, 0o755);
    }
    farm.create("a");
    let clone = Clone::of(&farm, "a", "x");
    clone.commit("file.txt", "1");
    clone.push();
    farm.deploy("a").well();
    farm.mwfarm(["watch", "reconcile"]).well();
    nothing_ran(&farm);
    // What belongs to somebody else is not even asked.
    assert!(Command::new("chown").args(["-R", "64998"]).arg(&core).status().unwrap().success());
    farm.deploy("a").badly(1, "dubious ownership");
    nothing_ran(&farm);
}

#[test]
fn what_a_tenant_makes_of_its_configuration_hurts_nobody() {
    let plan = Plan { users: true, ..Plan::plain() };
    let farm = Farm::with_core(&plan, &small_core());
    for wiki in ["a", "b"] {
        farm.create(wiki);
    }
    let canaries = farm.at("canaries");
    fs::create_dir(&canaries).unwrap();
    chmod(&canaries, 0o777);
    let touch = |name: &str| format!("touch {}/{name}", canaries.display());
    let other = farm.at("data/project").join(farm.name("b")).join("config.git-work/.git/objects");
    let uid = u32::try_from(farm.show("a")["wiki"]["uid"].as_u64().unwrap()).unwrap();
    let tenant = |script: &str| {
        farm.mwfarm(["wiki", "become", &farm.name("a"), "--", "sh", "-c", script]).well();
    };
    let served = || farm.release("a");
    let by_the_tenant_only = || {
        for canary in fs::read_dir(&canaries).unwrap() {
            let canary = canary.unwrap();
            assert_eq!(canary.metadata().unwrap().uid(), uid, "{:?}", canary.file_name());
        }
    };
    let deploy = || {
        let begun = std::time::Instant::now();
        let said = farm.deploy("a");
        assert!(begun.elapsed().as_secs() < 120, "{said:?}");
        by_the_tenant_only();
        said
    };
    let worker = farm.worker("2");
    worker.until_it_says("the look at all wikis: nothing to do");
    worker.stop();

    // All that git would run, and pipes, sockets and links where files are saved: what is committed counts.
    tenant(&format!(
        "git config core.fsmonitor '{0}1'; git config uploadpack.packObjectsHook '{0}2'; git config core.hooksPath .; \
         git config alias.rev-parse '!{0}3'; git config core.pager '{0}4'; git config gpg.program '{0}5'; \
         git config filter.x.smudge '{0}6'; git config diff.external '{0}7'; git config core.sshCommand '{0}8'; \
         git config extensions.partialClone origin; git config remote.origin.url 'ext::{0}9'; \
         git config remote.origin.promisor true; git config include.path /etc/shadow; \
         printf '#!/bin/sh\\n{0}10\\n' > reference-transaction; chmod +x reference-transaction; \
         echo {1} > .git/objects/info/alternates; \
         rm LocalSettings.php; mkfifo LocalSettings.php; mkfifo wiki.yml; ln -s /etc/shadow farms.yml; \
         ln -s / config.link; mkfifo .git/FETCH_HEAD; mkfifo .git/MERGE_HEAD",
        touch("c"),
        other.display(),
    ));
    let before = served();
    let said = deploy();
    assert!(said.code == 0 || said.err.contains("configuration of"), "{said:?}");
    assert_eq!(served(), before, "nothing was committed");
    // Its link, its pipe, its directory where the worker looks.
    for trick in
        ["ln -s /etc/passwd ../config.committed", "mkfifo ../config.committed", "mkdir -p ../config.committed/x"]
    {
        tenant(trick);
        let worker = farm.worker("2");
        worker.until_it_says("the look at all wikis: nothing to do");
        wait("the worker has listened", || trick.contains("mkdir") || !is_there(&farm, "a"));
        worker.stop();
        by_the_tenant_only();
        assert!(fs::read_to_string("/etc/passwd").unwrap().starts_with("root"));
    }
    // A history that is none.
    tenant("rm -f .git/objects/info/alternates; printf x > .git/HEAD");
    assert_eq!(deploy().code, 1);
    tenant("rm .git/HEAD; mkfifo .git/HEAD");
    assert_eq!(deploy().code, 1);
    tenant("rm -rf .git; mkfifo .git");
    assert_eq!(deploy().code, 1);
    tenant("rm -f .git; ln -s /root .git");
    assert_eq!(deploy().code, 1);
    tenant("rm -f .git; echo 'gitdir: /nonexistent' > .git");
    assert_eq!(deploy().code, 1);
    assert_eq!(served(), before);
    // A history again, with a link for settings.
    tenant(
        "rm -rf .git * .[a-z]*; git init -q -b main; git config user.name a; git config user.email a@wiki.test; \
            ln -s /etc/shadow LocalSettings.php; git add -A; git commit -q -m link",
    );
    let said = deploy();
    assert!(said.code != 0 && said.err.contains("LocalSettings.php"), "{said:?}");
    tenant(
        "rm LocalSettings.php; echo '<?php $wgSitename = 2;' > LocalSettings.php; git add -A; git commit -q -m file",
    );
    deploy().well();
    assert_ne!(served(), before);
    // The other wiki was never touched.
    assert_eq!(farm.attempts("b").len(), 1);
}

/// Where a saved file is live, it can be anything: root never opens it, and what waits for it is given up.
#[test]
fn what_a_tenant_saves_where_settings_belong_hurts_nobody() {
    let plan = Plan { users: true, ..Plan::plain() };
    let plan = plan.with("config: seed").with("schema-seconds: 8");
    let farm = Farm::with_core(&plan, &small_core());
    for wiki in ["a", "b"] {
        farm.create(wiki);
    }
    let tenant = |script: &str| {
        farm.mwfarm(["wiki", "become", &farm.name("a"), "--", "sh", "-c", script]).well();
    };
    // It is read, as MediaWiki's update.php reads it.
    let clone = Clone::of(&farm, "a", "x");
    let update = "<?php\n$wgObjectCaches = [];\ndefine('MW_INSTALL_PATH', dirname(__DIR__));\nrequire getenv('MW_CONFIG_FILE');\n\
         exit($wgSitename === 'Mine' ? 0 : 3);\n";
    clone.commit("maintenance/update.php", update);
    clone.push();
    let before = farm.release("a");
    for saved in [
        "mkfifo LocalSettings.php",
        "mkdir LocalSettings.php",
        "ln -s /etc/shadow LocalSettings.php",
        "ln -s LocalSettings.php LocalSettings.php",
        "ln -s /dev/zero LocalSettings.php",
        "truncate -s 1T LocalSettings.php",
        "perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => q(LocalSettings.php), Listen => 1) or die'",
        "printf '<?php\\n$wgSitename = ;' > LocalSettings.php",
        "printf '<?php\\nwhile (true) {}' > LocalSettings.php",
    ] {
        tenant(&format!("rm -rf LocalSettings.php; {saved}"));
        let begun = std::time::Instant::now();
        let said = farm.deploy("a").badly(1, "update.php failed");
        assert!(begun.elapsed().as_secs() < 120, "{saved}: {said}");
        assert!(!said.contains("root:"), "{saved}: {said}");
        assert_eq!(farm.release("a"), before, "{saved}");
        // Neither does what all wikis have in common wait for it.
        farm.mwfarm(["status"]).well();
        farm.mwfarm(["deploy", &farm.name("b"), "--again"]).well();
    }
    tenant("rm -rf LocalSettings.php; printf '<?php\\n$wgSitename = \"Mine\";' > LocalSettings.php");
    farm.deploy("a").well();
    assert_ne!(farm.release("a"), before);
}

fn is_there(farm: &Farm, wiki: &str) -> bool {
    let path = farm.at("data/project").join(farm.name(wiki)).join("config.committed");
    fs::symlink_metadata(path).is_ok()
}
