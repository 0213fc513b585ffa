//! What is asked of a release, with servers that behave as none should.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use mwfarm::deploy::health::{self, Unwell};
use mwfarm::deploy::options::{self, Backend, Options};
use mwfarm::farm::Host;

use super::daemons::id;

#[test]
fn a_release_is_well_when_it_says_what_it_should() {
    let good = "HTTP/1.1 200 OK\r\nMwFarm-Release: 7-0123456789ab\r\n\r\n{\"generator\":\"MediaWiki 1.43\"}";
    assert_eq!(of(good), Ok(()));
    assert_eq!(of(&good.replace("MwFarm-Release", "mwfarm-release")), Ok(()), "names of fields have no case");
    // In pieces, as PHP sends what it has not counted; the text is across two of them.
    let chunked = "HTTP/1.1 200 OK\r\nMwFarm-Release: 7-0123456789ab\r\nTransfer-Encoding: chunked\r\n\r\n\
                   a\r\n{\"generato\r\n16\r\nr\":\"MediaWiki 1.43.0\"}\r\n0\r\n\r\n";
    assert_eq!(of(chunked), Ok(()));
    // What MediaWiki says to everybody who is no member.
    let private = good.replace("\"generator\":\"MediaWiki 1.43\"", "\"error\":{\"code\":\"readapidenied\"}");
    assert_eq!(of(&private), Ok(()));
    // As much as is read.
    let large = format!("{good}{}", " ".repeat(3 << 20));
    assert_eq!(of(&large), Ok(()));
}

/// What is expected can be said, as one text or as several; none of them is enough for nothing.
#[test]
fn what_is_expected_is_for_the_farm_to_say() {
    let answer = "HTTP/1.1 200 OK\r\nMwFarm-Release: 7-0123456789ab\r\n\r\nall is well";
    for (expect, is_well) in
        [("well", true), ("[ill, well]", true), ("ill", false), ("[ill, bad]", false), ("[]", true)]
    {
        assert_eq!(of_server(answer, 60, &format!(", expect: {expect}")).is_ok(), is_well, "{expect}");
    }
}

/// One that says a little now and then is not listened to for ever.
#[test]
fn one_that_never_ends_is_left() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let options = asked(&listener, 1, "");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nMwFarm-Release: 7-0123456789ab\r\n\r\n");
            while stream.write_all(b" ").is_ok() {
                thread::sleep(Duration::from_millis(50));
            }
        }
    });
    let begun = Instant::now();
    let unwell = check(&options).expect_err("it never ends");
    assert!(matches!(unwell, Unwell::Silent { .. }), "{unwell}");
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
}

#[test]
fn everything_else_is_told_with_what_came() {
    let good = "HTTP/1.1 200 OK\r\nMwFarm-Release: 7-0123456789ab\r\n\r\n{\"generator\":\"MediaWiki 1.43\"}";
    let cases = [
        (
            good.replace("200 OK", "500 Oh"),
            "`a.wiki.test` answers 500 to `/api.php`: `{\\\"generator\\\":\\\"MediaWiki 1.43\\\"}`",
        ),
        (
            good.replace("200 OK", "302 Found\r\nLocation: http://127.0.0.1:1/"),
            "`a.wiki.test` answers 302 to `/api.php`: ",
        ),
        (good.replace("7-", "6-"), "`a.wiki.test` answers with the release `6-0123456789ab`, not `7-0123456789ab`"),
        (
            good.replace("MwFarm-Release", "Other"),
            "`a.wiki.test` does not say that it runs the settings of `7-0123456789ab`",
        ),
        (
            good.replace("MediaWiki", "Other\u{1b}[31m"),
            "`a.wiki.test` answers to `/api.php` without `\"generator\":\"MediaWiki ` or `\"code\":\"readapidenied\"`: `{\\\"generator\\\":\\\"Other\\u{1b}[31m 1.43\\\"}`",
        ),
        ("nonsense\r\n\r\n".to_owned(), "`a.wiki.test` does not answer: "),
        ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf".to_owned(), "`a.wiki.test` does not answer: "),
        (format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(5 << 20)), "`a.wiki.test` does not answer: "),
        (
            "HTTP/1.1 200 OK\r\nMwFarm-Release: 7-0123456789ab\r\n\r\n<title>Log in - A</title>".to_owned(),
            "`a.wiki.test` answers to `/api.php` without `\"generator\":\"MediaWiki ` or `",
        ),
        (
            "HTTP/1.1 200 OK\r\nMwFarm-Release: 7-0123456789ab\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"
                .to_owned(),
            "`a.wiki.test` does not answer: ",
        ),
        (
            "HTTP/1.1 200 OK\r\nMwFarm-Release: 7-0123456789ab\r\nMwFarm-Release: 8-0123456789ab\r\n\r\n".to_owned(),
            "`a.wiki.test` answers to `/api.php` without ",
        ),
    ];
    for (answer, expected) in cases {
        // What breaks off is asked for again as long as there is time.
        let seconds = if expected.contains("does not answer") { 2 } else { 60 };
        let said = of_server(&answer, seconds, "").expect_err("it is not well").to_string();
        assert!(said.starts_with(expected), "{said}");
    }
}

#[test]
fn a_server_that_is_late_is_waited_for_and_one_that_never_comes_is_not() {
    // Nobody listens yet, and nobody else is given a port of this address meanwhile.
    let listener = TcpListener::bind("127.9.9.9:0").expect("a port");
    let options = asked(&listener, 2, "");
    let address = listener.local_addr().expect("its address");
    drop(listener);
    let begun = Instant::now();
    let unwell = check(&options).expect_err("nobody listens");
    assert!(matches!(&unwell, Unwell::Silent { reason, .. } if reason.contains("refused")), "{unwell}");
    assert!((Duration::from_secs(1)..Duration::from_secs(60)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    let mut options = options;
    options.health.seconds = 60;

    let late = thread::spawn(move || {
        thread::sleep(Duration::from_millis(300));
        let listener = TcpListener::bind(address).expect("the port");
        answer(&listener, "HTTP/1.1 200 OK\r\nMwFarm-Release: 7-0123456789ab\r\n\r\n\"generator\":\"MediaWiki 1");
    });
    assert_eq!(check(&options), Ok(()));
    late.join().expect("the server");
}

#[test]
fn one_that_says_nothing_is_left() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let options = asked(&listener, 1, "");
    let begun = Instant::now();
    let unwell = check(&options).expect_err("it says nothing");
    assert!(matches!(unwell, Unwell::Silent { .. }), "{unwell}");
    assert!(begun.elapsed() < Duration::from_secs(60));
}

/// What is found of a server that gives this answer to everybody.
fn of(text: &str) -> Result<(), Unwell> {
    of_server(text, 60, "")
}

/// The same with more options of the check.
fn of_server(text: &str, seconds: u64, more: &str) -> Result<(), Unwell> {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let options = asked(&listener, seconds, more);
    let text = text.to_owned();
    // It ends with the tests: an answer that breaks off is asked for again, nobody knows how often.
    thread::spawn(move || {
        loop {
            answer(&listener, &text);
        }
    });
    check(&options)
}

fn check(options: &Options) -> Result<(), Unwell> {
    health::check(options, Backend::Fpm, &Host::new("a.wiki.test").expect("a host"), &id(7))
}

fn asked(listener: &TcpListener, seconds: u64, more: &str) -> Options {
    let scratch = tempfile::tempdir().expect("a directory");
    let address = listener.local_addr().expect("its address");
    let yaml = format!(
        "deploy:\n  root: .\n  zone: wiki.test\n  core: core.git\n  health: {{path: /api.php, pages: [], seconds: {seconds}{more}}}\n  \
         services: {{backend: '{address}'}}\n"
    );
    std::fs::write(scratch.path().join(options::FILE), yaml).expect("options");
    options::read(scratch.path()).expect("options")
}

fn answer(listener: &TcpListener, text: &str) {
    let (mut stream, _): (TcpStream, _) = listener.accept().expect("a connection");
    let mut request = Vec::new();
    let mut buffer = [0; 1024];
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut buffer).expect("a request") {
            0 => return,
            length => request.extend_from_slice(&buffer[..length]),
        }
    }
    let request = String::from_utf8_lossy(&request).to_lowercase();
    assert!(
        request.starts_with("get /api.php http/1.1\r\n") && request.contains("\r\nhost: a.wiki.test\r\n"),
        "{request}"
    );
    // One that has heard enough goes.
    let _ = stream.write_all(text.as_bytes());
}
