//! Files that a build or a farm's settings are made of, asked for from the web: where a server runs PHP wherever it
//! finds it, none of them says or does anything.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use super::yard::Yard;
use crate::fpm::{Pool, Settings};

/// A farm whose settings are compiled, too.
fn farm() -> Yard {
    let yard = Yard::new();
    yard.remove("tree/wikis.yml");
    // What Composer's own class does is Composer's affair, and `touch` would be seen as ours.
    for file in ["tree/vendor/composer/InstalledVersions.php", "tree/vendor/acme/lib/functions.php"] {
        yard.write(file, "<?php\n");
    }
    yard.write("etc/mwfarm.yml", "tree: ../tree\noutput: ../out\n");
    yard.write(
        "etc/farms.yml",
        "farm:\n  server: '(?<wiki>[a-z0-9-]+)\\.example\\.org'\n  variables: [{variable: wiki, file: wikis.dblist}]\n  \
         suffix: wiki\n  wikiID: $wikiwiki\n  config:\n  - {file: settings.yml, key: '*'}\n",
    );
    yard.write("etc/wikis.dblist", "alpha\nbeta\n");
    yard.write(
        "etc/settings.yml",
        "wgDBpassword: {default: a-password}\nwgUseExtensionGood: {default: true}\nwgUseSkinPlain: {default: true}\n\
         +wgGroupPermissions: {default: {user: {edit: true}}}\n",
    );
    let compiled = yard.mwfarm(&["config", "compile", "--config-dir", "etc"]);
    assert_eq!(compiled.code, Some(0), "{}", compiled.err);
    yard
}

/// PHP files that mwfarm has written, relative to the yard.
fn generated(yard: &Yard) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    let mut open = vec![PathBuf::from("tree/vendor"), PathBuf::from("out")];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(yard.path("").join(&directory)).expect("a directory") {
            let path = directory.join(entry.expect("an entry").file_name());
            let name = path.to_str().expect("UTF-8").to_owned();
            if yard.path(&name).is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "php") {
                files.insert(name);
            }
        }
    }
    files.retain(|name| {
        !["acme/", "vendor/composer/autoload_real", "InstalledVersions"].iter().any(|part| name.contains(part))
    });
    files
}

/// Says something to everybody by design: who enters a farm there by a name that no wiki has is told so.
fn is_entry(name: &str) -> bool {
    name == "out/farm.php" || name == "out/unavailable.php"
}

#[test]
fn generated_files_say_nothing_to_php_fpm() {
    let yard = farm();
    let files = generated(&yard);
    assert!(files.len() > 40, "{files:?}");
    let pool = Pool::start(&Settings::new(1).ini("display_errors", "1").ini("html_errors", "0").ini("error_log", ""));
    let mut said = Vec::new();
    for name in &files {
        for host in ["alpha.example.org", "none.example.org", "\"><script>", ""] {
            let answer =
                pool.get(&yard.path(name), &[("HTTP_HOST", host), ("QUERY_STRING", "a=b&MWFARM_WIKI=alphawiki")]);
            let body = String::from_utf8_lossy(&answer.body).into_owned();
            let log = String::from_utf8_lossy(&answer.stderr).into_owned();
            if !(is_entry(name) || log.is_empty() && body.is_empty()) {
                said.push(format!("{name} to `{host}`: {} {body}{log}", answer.status));
            }
            let said = body + &log;
            assert!(!said.contains("a-password") && !said.contains("<script>"), "{name}: {said}");
        }
    }
    assert!(said.is_empty(), "{}\n{}", said.join("\n"), pool.log());
    assert!(!yard.path("canary").exists());
}

/// `php -S` on a port of its own.
struct Server {
    child: Child,
    port: u16,
    log: PathBuf,
}

impl Server {
    fn start(root: &Path) -> Self {
        // The port is free now; who takes it before PHP does, makes PHP fail, and the test say so.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
        let log = root.join("log");
        let output = fs::File::create(&log).expect("a log");
        let mut command = Command::new("php");
        command
            .args(["-d", "display_errors=1", "-d", "html_errors=0", "-S", &format!("127.0.0.1:{port}"), "-t"])
            .arg(root);
        let output = (output.try_clone().expect("a log"), output);
        let child = command.stdin(Stdio::null()).stdout(output.0).stderr(output.1).spawn().expect("php runs");
        let server = Self { child, port, log };
        for _ in 0..6000 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return server;
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("`php -S` does not listen: {}", server.said());
    }

    /// The body of what it answers.
    fn get(&self, host: &str, uri: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
        stream.write_all(format!("GET /{uri} HTTP/1.0\r\nHost: {host}\r\n\r\n").as_bytes()).expect("a request");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("an answer");
        let text = String::from_utf8_lossy(&bytes);
        text.split_once("\r\n\r\n").map_or(String::new(), |(_, body)| body.to_owned())
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn generated_files_say_nothing_to_the_server_built_into_php() {
    let yard = farm();
    let files = generated(&yard);
    let server = Server::start(&yard.path(""));
    let mut said = Vec::new();
    for name in files.iter().filter(|name| !is_entry(name)) {
        for host in ["alpha.example.org", "none.example.org"] {
            let body = server.get(host, &format!("{name}?a=b"));
            if !body.is_empty() {
                said.push(format!("{name} to `{host}`: {body}"));
            }
        }
    }
    let log = server.said();
    let errors = log
        .lines()
        .filter(|line| ["PHP ", "Warning", "Fatal", "Notice", "Deprecated"].iter().any(|word| line.contains(word)));
    said.extend(errors.filter(|line| !line.contains("Development Server")).map(str::to_owned));
    assert!(said.is_empty(), "{}", said.join("\n"));
    assert!(!yard.path("canary").exists());
}
