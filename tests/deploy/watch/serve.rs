//! Webhooks over real connections.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;

use hmac::{Hmac, KeyInit, Mac};
use mwfarm::deploy::watch::serve::{Serve, serve};
use mwfarm::report::ExitCode;

use super::*;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn farm() -> Farm {
    let farm = Farm::new("webhook-secret: secret");
    fs::write(farm.path().join("secret"), format!("{SECRET}\n")).unwrap();
    fs::set_permissions(farm.path().join("secret"), fs::Permissions::from_mode(0o600)).unwrap();
    farm
}

/// Serves as long as the test goes on.
fn serving(farm: &Farm, heard: &Heard, test: impl FnOnce(SocketAddr)) {
    struct Asking<'a>(&'a Stop);
    impl Drop for Asking<'_> {
        fn drop(&mut self) {
            self.0.ask();
        }
    }
    let stop = Stop::default();
    let (tell, told) = std::sync::mpsc::channel();
    let listening = move |address| tell.send(address).unwrap();
    std::thread::scope(|scope| {
        let stop = &stop;
        scope.spawn(move || {
            let listen = "127.0.0.1:0".parse().unwrap();
            let options = &farm.options;
            serve(&Serve { options, listen, public: false, stop, reporter: heard, listening: &listening }).unwrap();
        });
        let _asking = Asking(stop);
        test(told.recv_timeout(PATIENCE).unwrap());
    });
}

/// The status, and the text behind the head.
fn ask(address: SocketAddr, request: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // It may be refused before all of it was sent.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    (status, answer.split_once("\r\n\r\n").map(|(_, text)| text.to_owned()).unwrap_or_default())
}

fn get(address: SocketAddr, path: &str) -> (u16, String) {
    ask(address, format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
}

fn post(address: SocketAddr, headers: &[&str], body: &[u8]) -> (u16, String) {
    let mut request = format!("POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n", body.len());
    for header in headers {
        request.push_str(header);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    ask(address, &[request.as_bytes(), body].concat())
}

fn signature(body: &[u8]) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body);
    mac.finalize().into_bytes().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

fn body(wiki: &str, number: u64) -> Vec<u8> {
    format!(
        r#"{{"ref":"refs/heads/wiki/{wiki}","before":"{:040x}","after":"{number:040x}","repository":{{"full_name":"mediawiki/core"}},"pusher":{{"name":"alice"}}}}"#,
        number - 1
    )
    .into_bytes()
}

#[test]
fn signed_pushes_are_queued() {
    let farm = farm();
    serving(&farm, &Heard::default(), |address| {
        let body = body("alpha", 7);
        let digits = signature(&body);
        let hub = format!("X-Hub-Signature-256: sha256={digits}");
        for (number, header) in
            [hub, format!("X-Gitea-Signature: {digits}"), format!("X-Gitlab-Token: {SECRET}")].iter().enumerate()
        {
            assert_eq!(
                post(address, &[header], &body),
                (202, "alpha is queued to be deployed\n".to_owned()),
                "{header}"
            );
            assert_eq!(farm.queued(), (number + 1, 0));
        }
        let ping = br#"{"zen":"Design for failure."}"#;
        let header = format!("X-Hub-Signature-256: sha256={}", signature(ping));
        assert_eq!(post(address, &[&header], ping).0, 200);
        assert_eq!(farm.queued(), (3, 0));
    });
}

#[test]
fn others_are_refused_and_nothing_is_queued() {
    let farm = farm();
    let heard = Heard::default();
    serving(&farm, &heard, |address| {
        let good = body("alpha", 7);
        let other = signature(&body("beta", 7));
        assert_eq!(post(address, &[], &good).0, 401);
        assert_eq!(post(address, &[&format!("X-Hub-Signature-256: sha256={other}")], &good).0, 401);
        assert_eq!(post(address, &["X-Gitlab-Token: wrong"], &good).0, 401);
        let signed = |body: &[u8]| format!("X-Hub-Signature-256: sha256={}", signature(body));
        let refused: [(&[u8], u16); 4] =
            [(b"{", 400), (b"{\"ref\":7,\"after\":\"x\"}", 400), (&body("No_Name", 2), 422), (b"", 400)];
        for (body, status) in refused {
            assert_eq!(post(address, &[&signed(body)], body).0, status, "{}", String::from_utf8_lossy(body));
        }
        assert_eq!(post(address, &[&signed(&good), "Content-Type: application/x-www-form-urlencoded"], &good).0, 415);
        let elsewhere = String::from_utf8(good.clone()).unwrap().replace("mediawiki/core", "other/core").into_bytes();
        assert_eq!(post(address, &[&signed(&elsewhere)], &elsewhere).0, 200);
        let large = vec![b' '; (1 << 20) + 1];
        assert_eq!(post(address, &[&signed(&large)], &large).0, 413);
        assert_eq!(get(address, "/webhook").0, 405);
        assert_eq!(get(address, "/").0, 404);
        assert_eq!(get(address, "/../etc/passwd").0, 404);
        assert_eq!(ask(address, b"\x16\x03\x01\x02\x00\x01").0, 400);
        assert_eq!(farm.queued(), (0, 0));
    });
    assert!(heard.all().contains("without a good signature"), "{}", heard.all());
}

#[test]
fn a_delivery_is_queued_once() {
    let farm = farm();
    serving(&farm, &Heard::default(), |address| {
        let body = body("alpha", 7);
        let header = format!("X-Hub-Signature-256: sha256={}", signature(&body));
        let deliver = |id: &str| post(address, &[&header, &format!("X-GitHub-Delivery: {id}")], &body).0;
        // One that could not be queued is taken when it comes again.
        let new = farm.options.layout.queue().join("new");
        fs::rename(&new, new.with_extension("away")).unwrap();
        assert_eq!(deliver("1"), 500);
        fs::rename(new.with_extension("away"), &new).unwrap();
        assert_eq!([deliver("1"), deliver("1"), deliver("2"), deliver("2")], [202, 200, 202, 200]);
        assert_eq!(farm.queued(), (2, 0));
    });
}

#[test]
fn figures_are_those_of_the_farm() {
    let farm = farm();
    farm.wiki("alpha", |_| ());
    farm.wiki("beta", |wiki| wiki.state = State::Archived);
    fs::write(farm.options.layout.record(&name("gamma")), "{").unwrap();
    farm.add(&pushed("alpha", 1, 2));
    drain(&farm, &|_, pushed| Outcome::Deployed(pushed.code.clone().unwrap()), &Heard::default());
    farm.add(&pushed("alpha", 2, 3));
    serving(&farm, &Heard::default(), |address| {
        assert_eq!(get(address, "/healthz"), (200, "ok\n".to_owned()));
        let (status, text) = get(address, "/metrics");
        assert_eq!(status, 200);
        for line in [
            "# TYPE mwfarm_deploys_total counter",
            "mwfarm_queue_entries{place=\"new\"} 1",
            "mwfarm_deploys_total{result=\"deployed\"} 1",
            "mwfarm_deploys_total{result=\"failed\"} 0",
            "mwfarm_wikis{state=\"ready\"} 1",
            "mwfarm_wikis{state=\"archived\"} 1",
            "mwfarm_wikis{state=\"unreadable\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in:\n{text}");
        }
        fs::remove_dir_all(farm.options.layout.queue()).unwrap();
        assert_eq!(get(address, "/healthz").0, 503);
    });
}

#[test]
fn those_who_say_nothing_keep_nobody_out_for_long() {
    let farm = farm();
    serving(&farm, &Heard::default(), |address| {
        let silent: Vec<TcpStream> = (0..70).map(|_| TcpStream::connect(address).unwrap()).collect();
        let begun = Instant::now();
        assert_eq!(get(address, "/healthz").0, 200);
        assert!(begun.elapsed() > Duration::from_secs(1), "64 connections are served at a time");
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
        drop(silent);
    });
}

#[test]
fn only_loopback_and_only_with_a_secret() {
    let refused = |farm: &Farm, listen: &str| {
        let (stop, heard) = (Stop::default(), Heard::default());
        let (options, listen, listening) = (&farm.options, listen.parse().unwrap(), |_| ());
        serve(&Serve { options, listen, public: false, stop: &stop, reporter: &heard, listening: &listening })
            .unwrap_err()
    };
    let problem = refused(&farm(), "0.0.0.0:0");
    assert_eq!(
        (problem.exit, problem.what.as_str()),
        (ExitCode::Usage, "`0.0.0.0:0` can be reached from other machines")
    );
    assert!(refused(&Farm::new(""), "127.0.0.1:0").what.contains("`deploy.webhook-secret` is missing"));
    let farm = farm();
    let secret = farm.path().join("secret");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(refused(&farm, "127.0.0.1:0").what.contains("can be read by everybody"));
    fs::write(&secret, "short").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(refused(&farm, "127.0.0.1:0").what.contains("less than 16 bytes"));
}
