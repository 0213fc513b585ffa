//! Pushes of which a server tells: Gerrit by its stream, others by webhooks.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use hmac::{Hmac, KeyInit, Mac};

use super::super::watch::sshd::Sshd;
use super::watching::{Clone, small_core};
use super::{Farm, Plan, chmod, git, ports, wait};

/// A server whose stream is a file: what is written to it is told.
pub(in crate::deploy) fn gerrit(farm: &Farm) -> (Sshd, std::path::PathBuf) {
    let events = farm.at("events");
    fs::write(&events, "").unwrap();
    let program = format!("#!/bin/sh\nexec tail -n +1 -f {}\n", events.display());
    let sshd = Sshd::start(&farm.base, &program);
    let words: Vec<String> = sshd.command().iter().map(|word| format!("{word:?}")).collect();
    farm.option(&format!("gerrit: [{}]", words.join(", ")));
    farm.option("project: mediawiki/core");
    (sshd, events)
}

/// A line of the stream: a branch has another commit.
pub(in crate::deploy) fn updated(branch: &str, old: &str, new: &str) -> String {
    format!(
        r#"{{"submitter":{{"username":"carol"}},"refUpdate":{{"oldRev":"{old}","newRev":"{new}","refName":"refs/heads/{branch}","project":"mediawiki/core"}},"type":"ref-updated","eventCreatedOn":1700000000}}"#
    )
}

/// A line of the stream: a change was submitted, and became another commit.
pub(in crate::deploy) fn merged(branch: &str, old: &str, new: &str) -> String {
    format!(
        r#"{{"change":{{"project":"mediawiki/core","branch":"{branch}","number":7}},"patchSet":{{"revision":"{old}"}},"submitter":{{"username":"dave"}},"newRev":"{new}","type":"change-merged"}}"#
    )
}

/// Adds a line to the stream.
pub(in crate::deploy) fn tell(events: &std::path::Path, line: &str) {
    let mut file = fs::OpenOptions::new().append(true).open(events).unwrap();
    file.write_all(format!("{line}\n").as_bytes()).unwrap();
}

const ZERO: &str = "0000000000000000000000000000000000000000";

#[test]
fn a_change_that_was_merged_is_served() {
    let farm = Farm::with_core(&Plan::plain(), &small_core());
    farm.create("a");
    let (_sshd, events) = gerrit(&farm);
    let worker = farm.worker("2");
    let looks = || worker.said().matches("the look at all wikis: nothing to do").count();
    wait("the first look is over", || looks() == 1);
    let follower = farm.service(&["watch", "gerrit", "-v"]);
    wait("the look after the connection is over, so that none finds the push", || looks() == 2);
    let clone = Clone::of(&farm, "a", "x");
    let old = farm.tip("a");
    clone.commit("file.txt", "1");
    let new = clone.push();
    let branch = format!("wiki/{}", farm.name("a"));
    tell(&events, &merged(&branch, &old, &new));
    tell(&events, &updated(&branch, &old, &new));
    farm.settle(&["a"]);
    wait("both events are done with", || follower.said().matches("is queued").count() == 2 && farm.queued() == 0);
    assert_eq!(farm.attempts("a").len(), 2, "one deploy for one change");
    let done = farm.journal("a").pop().unwrap();
    assert!(["merged by dave", "pushed by carol"].contains(&done["why"].as_str().unwrap()), "{done}");

    // A branch that nobody asked for.
    let stray = format!("wiki/{}", farm.name("stray"));
    git(&clone.directory, ["push", "-q", "origin", &format!("HEAD:refs/heads/{stray}")]);
    let before = farm.listing("srv");
    tell(&events, &updated(&stray, ZERO, &new));
    worker.until_it_says(&format!("`{}` has a branch, but nobody asked for the wiki", farm.name("stray")));
    assert_eq!(farm.listing("srv"), before);
    farm.mwfarm(["wiki", "show", &farm.name("stray")]).badly(4, "there is no wiki");

    // A branch that goes: the wiki stays.
    let served = farm.served("a");
    git(&farm.at("core.git"), ["branch", "-D", &branch]);
    tell(&events, &updated(&branch, &new, ZERO));
    worker
        .until_it_says(&format!("the branch of `{}` is gone (carol, told by gerrit): the wiki stays", farm.name("a")));
    assert_eq!(farm.served("a"), served);
    assert_eq!(farm.show("a")["wiki"]["state"], "ready");
    follower.stop();
    worker.stop();
}

#[test]
fn a_branch_makes_a_wiki_where_that_is_wanted() {
    let farm = Farm::with_core(&Plan::plain().with("create-from-branches: true"), &small_core());
    let (_sshd, events) = gerrit(&farm);
    let follower = farm.service(&["watch", "gerrit", "-v"]);
    let worker = farm.worker("2");
    follower.until_it_says("connected to Gerrit's stream of events");
    worker.until_it_says("the look at all wikis: nothing to do");
    let work = farm.at("work");
    fs::write(work.join("file.txt"), "of the branch").unwrap();
    git(&work, ["add", "-A"]);
    git(&work, ["commit", "-q", "-m", "of the branch"]);
    git(&work, ["push", "-q", "origin", &format!("HEAD:refs/heads/wiki/{}", farm.name("a"))]);
    // One of which there is only word.
    tell(&events, &updated(&format!("wiki/{}", farm.name("ghost")), ZERO, &farm.tip("a")));
    tell(&events, &updated(&format!("wiki/{}", farm.name("a")), ZERO, &farm.tip("a")));
    farm.settle(&["a"]);
    worker.until_it_says(&format!("`{}` has no branch, and nobody asked for the wiki", farm.name("ghost")));
    farm.mwfarm(["wiki", "show", &farm.name("ghost")]).badly(4, "there is no wiki");
    assert_eq!(farm.show("a")["wiki"]["state"], "ready");
    follower.stop();
    worker.stop();
}

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// The status, and the text.
fn ask(address: &str, head: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("{head} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n{body}", body.len());
    let (head, body) = request.split_at(request.len() - body.len());
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    let mut signature = String::new();
    for byte in mac.finalize().into_bytes() {
        let _ = write!(signature, "{byte:02x}");
    }
    let request = format!("{head}X-Hub-Signature-256: sha256={signature}\r\nConnection: close\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    (status, answer.split_once("\r\n\r\n").map(|(_, text)| text.to_owned()).unwrap_or_default())
}

#[test]
fn a_signed_webhook_leads_to_a_deploy() {
    let farm = Farm::with_core(&Plan::plain().with("webhook-secret: secret").with("project: a/core"), &small_core());
    fs::write(farm.at("secret"), SECRET).unwrap();
    chmod(&farm.at("secret"), 0o600);
    farm.create("a");
    let worker = farm.worker("2");
    worker.until_it_says("the look at all wikis: nothing to do");
    let address = format!("127.0.0.1:{}", ports()[0]);
    let server = farm.service(&["watch", "serve", "--listen", &address]);
    server.until_it_says(&format!("listening on {address}"));
    let clone = Clone::of(&farm, "a", "x");
    let old = farm.tip("a");
    clone.commit("file.txt", "1");
    let new = clone.push();
    let branch = format!("refs/heads/wiki/{}", farm.name("a"));
    let body = |reference: &str| {
        format!(
            r#"{{"ref":{},"before":"{old}","after":"{new}","repository":{{"full_name":"a/core"}},"pusher":{{"name":"carol"}}}}"#,
            serde_json::Value::from(reference)
        )
    };
    assert_eq!(ask(&address, "POST /webhook", &body(&branch)).0, 202);
    farm.settle(&["a"]);
    assert_eq!(farm.journal("a").pop().unwrap()["why"], "pushed by carol");
    let (status, metrics) = ask(&address, "GET /metrics", "");
    assert_eq!(status, 200);
    for line in ["mwfarm_deploys_total{result=\"deployed\"} 1", "mwfarm_wikis{state=\"ready\"} 1"] {
        assert!(metrics.lines().any(|found| found == line), "{line}: {metrics}");
    }
    // What is refused tells nobody.
    for reference in super::hostile::NAMES.iter().map(|name| format!("refs/heads/wiki/{name}")) {
        let (status, said) = ask(&address, "POST /webhook", &body(&reference));
        assert_eq!(status, 422, "{reference}: {said}");
    }
    assert_eq!(farm.queued(), 0);
    server.stop();
    worker.stop();
}
