//! What a reader and an editor of a wiki do.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::Value;

use crate::deploy::web::daemons::Reply;

/// Somebody who keeps cookies.
pub(in crate::deploy) struct Browser<'a> {
    address: &'a str,
    host: String,
    cookies: BTreeMap<String, String>,
}

impl<'a> Browser<'a> {
    pub(in crate::deploy) fn new(address: &'a str, host: String) -> Self {
        Self { address, host, cookies: BTreeMap::new() }
    }

    /// The same person, with the same cookies, at another wiki.
    pub(super) fn at(self, host: String) -> Self {
        Self { host, ..self }
    }

    /// A request; with fields, they are posted.
    pub(in crate::deploy) fn ask(&mut self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let method = if fields.is_empty() { "GET" } else { "POST" };
        self.send(method, path, "application/x-www-form-urlencoded", encoded(fields).as_bytes())
    }

    fn send(&mut self, method: &str, path: &str, kind: &str, body: &[u8]) -> Reply {
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = format!(
            "{method} {path} HTTP/1.0\r\nHost: {}\r\nCookie: {}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            self.host,
            cookies.join("; "),
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        // At once: PHP's own server gives up on one that comes in pieces now and then.
        stream.write_all(&request).expect("it reads");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("it answers");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{path}: {text:?}"));
        for line in head.lines() {
            let Some((field, value)) = line.split_once(": ") else { continue };
            let cookie = value.split(';').next().unwrap_or_default();
            if let (true, Some((name, value))) = (field.eq_ignore_ascii_case("set-cookie"), cookie.split_once('=')) {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        Reply { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// A request to the API.
    #[track_caller]
    pub(in crate::deploy) fn api(&mut self, fields: &[(&str, &str)]) -> Value {
        let reply = self.ask("/api.php", &[fields, &[("format", "json"), ("formatversion", "2")]].concat());
        assert_eq!(reply.status, 200, "{reply:?}");
        serde_json::from_str(&reply.body).unwrap_or_else(|error| panic!("{error}: {reply:?}"))
    }

    fn token(&mut self, kind: &str) -> String {
        let answer = self.api(&[("action", "query"), ("meta", "tokens"), ("type", kind)]);
        answer["query"]["tokens"][format!("{kind}token")].as_str().expect("a token").to_owned()
    }

    /// Logs in.
    #[track_caller]
    pub(in crate::deploy) fn log_in(&mut self, user: &str, password: &str) {
        let token = self.token("login");
        let url = format!("http://{}/", self.host);
        let answer = self.api(&[
            ("action", "clientlogin"),
            ("username", user),
            ("password", password),
            ("logintoken", &token),
            ("loginreturnurl", &url),
        ]);
        assert_eq!(answer["clientlogin"]["status"], "PASS", "{answer}");
        let answer = self.api(&[("action", "query"), ("meta", "userinfo")]);
        assert_eq!(answer["query"]["userinfo"]["name"], user, "the session is kept: {answer}");
    }

    /// Writes a page.
    #[track_caller]
    pub(in crate::deploy) fn edit(&mut self, title: &str, text: &str) {
        let token = self.token("csrf");
        let answer = self.api(&[("action", "edit"), ("title", title), ("text", text), ("token", &token)]);
        assert_eq!(answer["edit"]["result"], "Success", "{answer}");
    }

    /// Uploads a file.
    #[track_caller]
    pub(in crate::deploy) fn upload(&mut self, name: &str, content: &[u8]) {
        let token = self.token("csrf");
        let mut body = Vec::new();
        let fields =
            [("action", "upload"), ("format", "json"), ("filename", name), ("ignorewarnings", "1"), ("token", &token)];
        for (field, value) in fields {
            let part = format!("--part\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n");
            body.extend_from_slice(part.as_bytes());
        }
        let head = format!("--part\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n--part--\r\n");
        let reply = self.send("POST", "/api.php", "multipart/form-data; boundary=part", &body);
        assert!(reply.status == 200 && reply.body.contains("\"result\":\"Success\""), "{reply:?}");
    }
}

/// A form as browsers send it.
pub(super) fn encoded(fields: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in fields {
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(name);
        text.push('=');
        for byte in value.bytes() {
            let _ = match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => write!(text, "{}", char::from(byte)),
                _ => write!(text, "%{byte:02x}"),
            };
        }
    }
    text
}
