//! A farm on the web: PHP-FPM, or the server that is built into PHP's command line.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::fpm::{Pool, Settings};

/// A running web server.
pub(super) struct Web {
    root: PathBuf,
    port: u16,
    server: Server,
    /// What PHP said to requests.
    said: RefCell<String>,
}

enum Server {
    Fpm(Pool),
    BuiltIn(Child),
}

/// The answer to a request.
#[derive(Debug)]
pub(super) struct Answer {
    /// The status.
    pub(super) status: u16,
    /// Header lines.
    pub(super) headers: Vec<(String, String)>,
    /// The body.
    pub(super) body: String,
}

impl Answer {
    /// Where the answer sends to.
    pub(super) fn location(&self) -> Option<&str> {
        self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("location")).map(|(_, value)| value.as_str())
    }
}

impl Web {
    /// Serves the tree with one worker of PHP-FPM: all wikis one after the other in one process.
    pub(super) fn fpm(root: &Path, port: u16) -> Self {
        let settings = Settings::new(1).ini("opcache.revalidate_freq", "0").ini("error_log", "");
        Self { root: root.to_owned(), port, server: Server::Fpm(Pool::start(&settings)), said: RefCell::default() }
    }

    /// Serves the tree with `php -S`.
    pub(super) fn built_in(php: &Path, root: &Path, port: u16) -> Self {
        let mut command = Command::new(php);
        command.args(["-S", &format!("127.0.0.1:{port}"), "-t"]).arg(root);
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let server = Server::BuiltIn(command.spawn().expect("php runs"));
        let web = Self { root: root.to_owned(), port, server, said: RefCell::default() };
        for _ in 0..6000 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return web;
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("`php -S` does not listen on {port}");
    }

    /// Asks the wiki of the host for a path, with these variables of the server (FastCGI parameters) besides.
    #[track_caller]
    pub(super) fn get_with(&self, host: &str, uri: &str, parameters: &[(&str, &str)]) -> Answer {
        let host = format!("{host}:{}", self.port);
        match &self.server {
            Server::Fpm(pool) => {
                let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
                let (script, info) = match path.find(".php") {
                    Some(end) => path.split_at(end + ".php".len()),
                    None => panic!("a path names a script: {path}"),
                };
                let root = self.root.to_str().expect("a path in UTF-8");
                let port = self.port.to_string();
                let mut all = vec![
                    ("DOCUMENT_ROOT", root),
                    ("SCRIPT_NAME", script),
                    ("REQUEST_URI", uri),
                    ("QUERY_STRING", query),
                    ("HTTP_HOST", host.as_str()),
                    // As with a server that answers for all hosts.
                    ("SERVER_NAME", "_"),
                    ("SERVER_PORT", port.as_str()),
                ];
                if !info.is_empty() {
                    all.push(("PATH_INFO", info));
                }
                all.extend(parameters);
                let response = pool.get(&self.root.join(script.trim_start_matches('/')), &all);
                let _ = write!(self.said.borrow_mut(), "{}", String::from_utf8_lossy(&response.stderr));
                let body = String::from_utf8_lossy(&response.body).into_owned();
                Answer { status: response.status, headers: response.headers, body }
            }
            Server::BuiltIn(_) => {
                assert!(parameters.is_empty(), "`php -S` takes no parameters");
                ask(self.port, &host, uri)
            }
        }
    }

    /// Asks the wiki of the host for a path.
    #[track_caller]
    pub(super) fn get(&self, host: &str, uri: &str) -> Answer {
        self.get_with(host, uri, &[])
    }

    /// Asks as [`Web::get`] for JSON.
    #[track_caller]
    pub(super) fn json(&self, host: &str, uri: &str) -> serde_json::Value {
        let answer = self.get(host, uri);
        serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{host}{uri}: {error}\n{answer:?}"))
    }

    /// Everything that PHP-FPM and PHP said.
    pub(super) fn log(&self) -> String {
        let pool = if let Server::Fpm(pool) = &self.server { pool.log() } else { String::new() };
        pool + &self.said.borrow()
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        if let Server::BuiltIn(server) = &mut self.server {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

/// One request of HTTP/1.0, whose answer ends with the connection.
fn ask(port: u16, host: &str, uri: &str) -> Answer {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    stream.write_all(format!("GET {uri} HTTP/1.0\r\nHost: {host}\r\n\r\n").as_bytes()).expect("a request");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("an answer");
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let headers = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Answer { status, headers, body: body.to_owned() }
}
