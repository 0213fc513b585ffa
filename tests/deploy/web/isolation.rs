//! What the code of one wiki can do to another one.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::chown;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;

use mwfarm::deploy::web::daemon::Daemon;
use mwfarm::deploy::web::{self, Site};

use super::daemons::{World, ask, chmod, id, page, run};

/// All that is tried.
const ATTACKS: &str = include_str!("attacks.php");

#[test]
fn pools_are_closed_to_each_other() {
    let world = World::serving("fpm");
    let [alpha, beta] = [&world.wikis[0], &world.wikis[1]];
    is_closed(&world, alpha, beta);
    let log = world.execute(alpha, "error_log('said'); echo ini_get('error_log');");
    assert!(fs::read_to_string(&log).is_ok_and(|text| text.contains("said")), "{log}");
    // The test sees a leak, and it is this setting which prevents it.
    leaks(|| included_with(&world, Daemon::Fpm, &["[opcache.validate_permission] = "]));
    assert_eq!(included_with(&world, Daemon::Fpm, &[]), "nothing");
}

#[test]
fn requests_of_apache_are_closed_to_each_other() {
    let world = World::serving("itk");
    let [alpha, beta] = [&world.wikis[0], &world.wikis[1]];
    is_closed(&world, alpha, beta);
    // Either setting prevents it: what is looked for by its path is looked for as the wiki's user.
    let settings = ["opcache.validate_permission ", "opcache.revalidate_path "];
    assert_eq!(included_with(&world, Daemon::Apache, &settings[1..]), "nothing");
    leaks(|| included_with(&world, Daemon::Apache, &settings));
    assert_eq!(included_with(&world, Daemon::Apache, &[]), "nothing");
}

#[test]
fn wikis_of_both_kinds_are_closed_to_each_other() {
    let world = World::serving("both");
    let [alpha, beta] = [&world.wikis[0], &world.wikis[1]];
    assert_ne!(alpha.backend, beta.backend);
    is_closed(&world, alpha, beta);
    is_closed(&world, beta, alpha);
}

/// What is included without the settings: OPcache gives it away until it looks at the file again, two seconds after, and
/// so it can take some tries.
fn leaks(included: impl Fn() -> String) {
    assert!((0..20).any(|_| included() == "secret of beta"), "{}", included());
}

fn is_closed(world: &World, who: &Site, whose: &Site) {
    let belongings = belongings(world, whose);
    // What the owner may, so that a wrong path is not taken for a closed one.
    for path in &belongings {
        let may = format!("echo json_encode(file_exists('{0}') && is_readable('{0}'));", path.display());
        assert_eq!(world.execute(whose, &may), "true", "{}", path.display());
    }
    assert_eq!(included(world, who, whose), "nothing");
    assert_eq!(included(world, whose, whose), format!("secret of {}", whose.name), "its own code reads it");

    // A request under way, a process that idles, and one as cron or `mwfarm run` starts them.
    let script = Script::start(whose);
    let (proxy, host) = (&world.options.services.proxy, whose.host.as_str());
    let got = thread::scope(|scope| {
        let slow = scope.spawn(|| ask(proxy, host, "/index.php?slow=4000000", "").expect("an answer"));
        let processes = processes(whose, &script);
        let sockets = [format!("{}.sock", whose.name), "unknown.sock".to_owned()];
        let sockets = sockets.map(|name| world.options.layout.sockets().join(name));
        let got = attack(world, who, whose, &belongings, &processes, &sockets);
        let reply = slow.join().expect("the slow one");
        assert_eq!((reply.status, reply.body), (200, page(1)), "nobody has ended it");
        got
    });
    assert_eq!(got, [""; 0]);
    assert!(script.runs());
    // Nothing of it has changed.
    for path in belongings.iter().filter(|path| path.is_file()) {
        assert!(!fs::read(path).expect("a file").ends_with(b"x"), "{}", path.display());
    }
    // The same on itself finds what it looks for: the test can fail.
    let got = attack(world, whose, whose, &belongings[..1], &[script.child.id()], &[]);
    for found in ["file_get_contents /", "include /", "shell /", "/environ: ", "signal 0 "] {
        assert!(got.iter().any(|got| got.contains(found)), "{found}: {got:#?}");
    }
    assert_eq!(included(world, who, whose), "nothing");
    sessions_are_apart(world, who, whose);
    what_clients_say_of_themselves_is_nothing(world, who);
    // What is behind the proxy can be asked by everybody on the machine: it answers what it answers to all.
    let backend = world.options.services.address(whose.backend);
    let code = format!(
        "$stream = stream_socket_client('tcp://{backend}'); fwrite($stream, \"GET /index.php HTTP/1.0\\r\\nHost: {host}\\r\\n\\r\\n\"); \
         echo explode(\"\\r\\n\\r\\n\", stream_get_contents($stream), 2)[1];"
    );
    assert_eq!(world.execute(who, &code), page(1));
}

/// What a wiki has on disk, of each kind something.
fn belongings(world: &World, wiki: &Site) -> Vec<PathBuf> {
    let layout = &world.options.layout;
    let home = layout.home(&wiki.name);
    let release = layout.release(&wiki.name, &id(1));
    let secrets = layout.secrets(&wiki.name);
    let mut files = vec![
        (home.join("tmp/sess_0123456789abcdef"), 0o600),
        (home.join("images/private.png"), 0o640),
        (home.join("logs/php.log"), 0o640),
        (home.join("cache/l10n.php"), 0o640),
        (home.join("db/wiki.sqlite"), 0o600),
        (home.join("config.git-work/LocalSettings.php"), 0o640),
    ];
    for (path, mode) in &files {
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(path, "<?php return 'secret';\n").expect("a file");
        chmod(path, *mode);
        for path in [path.as_path(), path.parent().expect("a directory")] {
            chown(path, wiki.uid, wiki.uid).expect("its owner");
        }
    }
    fs::create_dir_all(secrets.parent().expect("a directory")).expect("a directory");
    fs::write(&secrets, "<?php return ['password' => 'secret'];\n").expect("a file");
    chown(&secrets, Some(0), wiki.uid).expect("its group");
    chmod(&secrets, 0o440);
    files.push((secrets, 0));
    let mut paths: Vec<PathBuf> = [release.join(".mwfarm/settings.php"), release.join("index.php")].to_vec();
    paths.extend([release.join(".mwfarm"), home.join("tmp"), home.join("images"), home.join("db")]);
    paths.extend(files.into_iter().map(|(path, _)| path));
    paths
}

/// A process of a wiki's user with a secret in its environment, that ends with the test.
struct Script {
    child: Child,
}

impl Script {
    fn start(wiki: &Site) -> Self {
        let uid = wiki.uid.expect("a user");
        let child = Command::new("setpriv")
            .args([format!("--reuid={uid}"), format!("--regid={uid}"), "--clear-groups".to_owned()])
            .args(["--", "sleep", "120"])
            .env("SECRET", "of a script")
            .stdin(Stdio::null())
            .spawn()
            .expect("a process");
        Self { child }
    }

    fn runs(&self) -> bool {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        status.contains("State:\tS")
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// The processes of a wiki's user, of which one answers a request now.
fn processes(wiki: &Site, script: &Script) -> Vec<u32> {
    let uid = wiki.uid.expect("a user");
    let begun = std::time::Instant::now();
    loop {
        let of_user = |process: &u32| {
            let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
            status.lines().any(|line| line.starts_with(&format!("Uid:\t{uid}\t")))
        };
        let all = fs::read_dir("/proc").expect("processes").flatten();
        let numbers = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let found: Vec<u32> = numbers.filter(of_user).collect();
        if found.len() > 1 && found.contains(&script.child.id()) {
            return found;
        }
        assert!(begun.elapsed().as_secs() < 60, "{found:?}");
        thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// What works of all that one wiki's code tries against another one.
fn attack(
    world: &World,
    who: &Site,
    whose: &Site,
    paths: &[PathBuf],
    processes: &[u32],
    sockets: &[PathBuf],
) -> Vec<String> {
    let list = |paths: &[PathBuf]| {
        paths.iter().fold(String::new(), |mut text, path| {
            let _ = write!(text, "'{}', ", path.display());
            text
        })
    };
    let code = format!(
        "$paths = [{}]; $known = ['{}']; $processes = {processes:?}; $sockets = [{}]; $uid = {}; $own = '{}';\n{ATTACKS}",
        list(paths),
        world.options.layout.secrets(&whose.name).display(),
        list(sockets),
        whose.uid.expect("a user"),
        world.options.layout.home(&who.name).join("tmp").display()
    );
    let said = world.execute(who, &code);
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

/// Whoever shows another wiki's cookie is nobody there, and a session is no file of another one.
fn sessions_are_apart(world: &World, who: &Site, whose: &Site) {
    let name = "session_id('0123456789abcdef0123456789abcdef'); session_start();";
    let kept =
        world.execute(whose, &format!("{name} $_SESSION['secret'] = 'kept'; session_write_close(); echo 'kept';"));
    assert_eq!(kept, "kept");
    assert_eq!(world.execute(whose, &format!("{name} echo json_encode($_SESSION);")), "{\"secret\":\"kept\"}");
    assert_eq!(world.execute(who, &format!("{name} echo json_encode($_SESSION);")), "[]");
    let there = world.options.layout.home(&whose.name).join("tmp");
    let elsewhere = format!("session_save_path('{}'); {name} echo json_encode($_SESSION ?? []);", there.display());
    assert_eq!(world.execute(who, &elsewhere), "[]");
    let own = world.options.layout.home(&who.name).join("tmp");
    run(Command::new("find").arg(&own).arg(&there).args(["-name", "sess_*", "-delete"]));
}

/// Through the proxy, no header makes a client another one, and none is a setting.
fn what_clients_say_of_themselves_is_nothing(world: &World, wiki: &Site) {
    let headers = [
        ("X-Forwarded-For", "6.6.6.6"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Real-IP", "6.6.6.6"),
        ("Forwarded", "for=6.6.6.6;host=evil.test;proto=https"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "evil.test"),
        ("X-Forwarded-Port", "61666"),
        ("X-Forwarded-Server", "evil.test"),
        ("Proxy", "http://evil.test"),
        ("MW_CONFIG_FILE", "/evil.test"),
        ("MWFARM_WIKI", "evil.test"),
        ("DOCUMENT_ROOT", "/evil.test"),
        ("REDIRECT_MW_CONFIG_FILE", "/evil.test"),
    ];
    let headers = headers.map(|(name, value)| format!("{name}: {value}\r\n")).concat();
    let mut stream = TcpStream::connect(&world.options.services.proxy).expect("it listens");
    let host = &wiki.host;
    write!(stream, "GET /index.php?show=1 HTTP/1.0\r\nHost: {host}\r\n{headers}\r\n").expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains(&page(1)), "{answer}");
    // A port as a whole: the numbers of sockets, processes and times are any.
    for evil in ["6.6.6.6", "evil.test", "\"61666\"", "https"] {
        assert!(!answer.contains(evil), "{evil}: {answer}");
    }
    assert!(answer.contains("\"REMOTE_ADDR\":\"127.0.0.1\""), "{answer}");
}

/// What a wiki's code gets by including the settings of another one, which are in OPcache for sure: just asked for, by
/// requests enough that each process has them.
fn included(world: &World, who: &Site, whose: &Site) -> String {
    for _ in 0..3 {
        assert_eq!(world.get(whose.host.as_str(), "/").body, page(1));
    }
    let path = world.options.layout.release(&whose.name, &id(1)).join(".mwfarm/settings.php");
    world.execute(who, &format!("@include '{}'; echo $wgSecret ?? 'nothing';", path.display()))
}

/// What alpha gets of beta while settings, 1 as they are generated, are 0.
fn included_with(world: &World, daemon: Daemon, off: &[&str]) -> String {
    let [alpha, beta] = [&world.wikis[0], &world.wikis[1]];
    for wiki in [alpha, beta] {
        web::apply::ensure_site(&world.options, wiki).expect("the generated configuration");
        let path = web::site_path(&world.options, daemon, &wiki.name);
        let mut text = fs::read_to_string(&path).expect("the configuration");
        for setting in off {
            let (on, off) = (format!("{setting}1"), format!("{setting}0"));
            assert!(text.contains(&on), "{text}");
            text = text.replace(&on, &off);
        }
        fs::write(&path, text).expect("the configuration");
    }
    // Another wiki's change tells the daemon of it.
    web::apply::ensure_farm(&world.options).expect("the configuration as it is now");
    included(world, alpha, beta)
}
