//! Serves webhooks, on loopback: a web server in front of it has the certificate.
//!
//! ```text
//! POST /webhook   what GitHub, Gitea and GitLab send when somebody has pushed, as JSON, signed
//! GET /healthz    200 when pushes can be queued
//! GET /metrics    figures, in the text format of Prometheus
//! ```
//!
//! A webhook is queued, nothing more, so that it is answered at once. A delivery that came before is not queued again;
//! the last [`REMEMBERED`] of them are remembered as long as the process runs. More is not needed: a webhook says only
//! that a branch is to be looked at, so the worst that repeating an old one does is a look.

use std::collections::{HashSet, VecDeque};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use super::super::event::{self, About, MAX_BYTES, Told};
use super::super::options::Options;
use super::super::queue::{self, Entry};
use super::{Stop, metrics};
use crate::disk;
use crate::report::{ExitCode, Problem, Reporter, Verbosity};
use signature::{Delivery, Secret};

mod signature;

/// How many deliveries are remembered.
pub const REMEMBERED: usize = 10_000;

/// How many connections are served at a time; others wait in the system's queue.
const MAX_CONNECTIONS: usize = 64;

/// How long the head of a request may take, and all of a connection.
const HEAD: Duration = Duration::from_secs(5);
const CONNECTION: Duration = Duration::from_secs(15);

/// How late it may be noticed that one has to stop, and how long those who are connected then have.
const STEP: Duration = Duration::from_millis(250);
const FAREWELL: Duration = Duration::from_secs(5);

/// What is served, and where.
pub struct Serve<'a> {
    /// The farm. Its `webhook-secret` has to be there.
    pub options: &'a Options,
    /// The address. Port 0 is any that is free.
    pub listen: SocketAddr,
    /// Whether other machines may connect; without it, an address that is not loopback's is refused. What comes is not
    /// encrypted.
    pub public: bool,
    /// Ends it.
    pub stop: &'a Stop,
    /// Who is told.
    pub reporter: &'a dyn Reporter,
    /// Is told the address as soon as connections are taken.
    pub listening: &'a dyn Fn(SocketAddr),
}

/// Serves until it is stopped.
///
/// # Errors
/// There is no secret that can be used, or the address is taken or refused.
pub fn serve(serve: &Serve<'_>) -> Result<(), Problem> {
    let secret = secret(serve.options.webhook_secret.as_deref())?;
    if !serve.public && !serve.listen.ip().is_loopback() {
        let what = format!("`{}` can be reached from other machines", serve.listen);
        return Err(Problem::new(ExitCode::Usage, what).hint("listen on 127.0.0.1, with a web server in front"));
    }
    let failed =
        |what: String| move |error: std::io::Error| Problem::new(ExitCode::Failed, what).cause(error.to_string());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(2).build();
    let runtime = runtime.map_err(failed("cannot serve".to_owned()))?;
    let server = Server { serve, secret, seen: Mutex::new(Seen::default()) };
    runtime.block_on(async {
        let listener = TcpListener::bind(serve.listen).await;
        let listener = listener.map_err(failed(format!("cannot listen on `{}`", serve.listen)))?;
        let address = listener.local_addr().map_err(failed("cannot serve".to_owned()))?;
        (serve.listening)(address);
        server.accept(&listener).await;
        Ok(())
    })
}

fn secret(path: Option<&Path>) -> Result<Secret, Problem> {
    let Some(path) = path else {
        let hint = "write it to a file that only `mwfarm watch serve` can read, and name that in `mwfarm.yml`";
        return Err(Problem::new(ExitCode::Farm, "field `deploy.webhook-secret` is missing").hint(hint));
    };
    let wrong = |reason: &str| Problem::new(ExitCode::Farm, format!("the secret in `{}` {reason}", path.display()));
    let read = disk::read_optional_with_mode(path).map_err(|error| wrong("cannot be read").cause(error.to_string()))?;
    let (text, mode) = read.ok_or_else(|| wrong("is not there"))?;
    if mode & 0o007 != 0 {
        return Err(wrong("can be read by everybody").hint(format!("chmod o= {}", path.display())));
    }
    Secret::new(&text).ok_or_else(|| wrong("has less than 16 bytes").hint("openssl rand -hex 32"))
}

struct Server<'a> {
    serve: &'a Serve<'a>,
    secret: Secret,
    seen: Mutex<Seen>,
}

/// The deliveries that came, of which the oldest are forgotten.
#[derive(Default)]
struct Seen {
    known: HashSet<Delivery>,
    order: VecDeque<Delivery>,
}

impl Seen {
    /// Remembers one; says whether it is new.
    fn add(&mut self, delivery: Delivery) -> bool {
        let new = self.known.insert(delivery);
        if new {
            self.order.push_back(delivery);
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        new
    }

    fn forget(&mut self, delivery: &Delivery) {
        self.known.remove(delivery);
        self.order.retain(|known| known != delivery);
    }
}

type Answer = Response<Full<Bytes>>;

impl Server<'_> {
    async fn accept(&self, listener: &TcpListener) {
        let mut connections = FuturesUnordered::new();
        while !self.serve.stop.is_asked() {
            tokio::select! {
                accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                    Ok((stream, _)) => connections.push(self.connection(stream)),
                    Err(error) => {
                        // No descriptor is free, or the other side has gone already.
                        self.serve.reporter.warning(&format!("cannot accept a connection: {error}"));
                        sleep(STEP).await;
                    }
                },
                Some(()) = connections.next(), if !connections.is_empty() => {}
                () = sleep(STEP) => {}
            }
        }
        let farewell = async { while connections.next().await.is_some() {} };
        // Who takes longer is cut off.
        let _ = timeout(FAREWELL, farewell).await;
    }

    /// One request and its answer: connections are not kept, so that nobody holds one.
    async fn connection(&self, stream: TcpStream) {
        let answer = service_fn(|request| async { Ok::<_, Infallible>(self.answer(request).await) });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEAD).keep_alive(false).max_buf_size(32 * 1024);
        let served = timeout(CONNECTION, http.serve_connection(TokioIo::new(stream), answer)).await;
        if !matches!(served, Ok(Ok(()))) {
            self.serve.reporter.note(Verbosity::VeryVerbose, "a connection was cut");
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let allowed = match request.uri().path() {
            "/webhook" => Method::POST,
            "/healthz" | "/metrics" => Method::GET,
            _ => return said(StatusCode::NOT_FOUND, "nothing is here"),
        };
        if *request.method() != allowed {
            let mut answer = said(StatusCode::METHOD_NOT_ALLOWED, "another method is needed");
            if let Ok(value) = allowed.as_str().parse() {
                answer.headers_mut().insert(ALLOW, value);
            }
            return answer;
        }
        match request.uri().path() {
            "/webhook" => self.webhook(request).await,
            "/healthz" => self.health(),
            _ => self.metrics().await,
        }
    }

    fn health(&self) -> Answer {
        match disk::look(&self.serve.options.layout.queue().join("new")) {
            Ok(Some(found)) if found.is_dir() && found.mode() & 0o300 == 0o300 => said(StatusCode::OK, "ok"),
            _ => said(StatusCode::SERVICE_UNAVAILABLE, "there is no queue"),
        }
    }

    async fn metrics(&self) -> Answer {
        let layout = self.serve.options.layout.clone();
        match tokio::task::spawn_blocking(move || metrics::text(&layout)).await {
            Ok(text) => {
                let mut answer = Response::new(Full::from(text));
                answer.headers_mut().insert(
                    CONTENT_TYPE,
                    hyper::header::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"),
                );
                answer
            }
            Err(_) => said(StatusCode::INTERNAL_SERVER_ERROR, "there are no figures"),
        }
    }

    async fn webhook(&self, request: Request<Incoming>) -> Answer {
        let (head, body) = request.into_parts();
        let body = match Limited::new(body, MAX_BYTES).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                return said(StatusCode::PAYLOAD_TOO_LARGE, "more than 1 MiB");
            }
            Err(_) => return said(StatusCode::BAD_REQUEST, "the body does not come whole"),
        };
        if !self.secret.signed(&head.headers, &body) {
            self.serve.reporter.warning("a webhook without a good signature was refused");
            return said(StatusCode::UNAUTHORIZED, "the signature is missing or wrong");
        }
        // Checked after the signature: who has no secret learns nothing.
        let form = head.headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www"));
        if form {
            return said(StatusCode::UNSUPPORTED_MEDIA_TYPE, "choose `application/json` as the content type");
        }
        let delivery = self.secret.delivery(&head.headers, &body);
        if delivery.is_some_and(|delivery| !self.seen().add(delivery)) {
            return said(StatusCode::OK, "this delivery came before");
        }
        let answer = self.queue(&body).await;
        if let (true, Some(delivery)) = (answer.status().is_server_error(), delivery) {
            // The sender tries again, or somebody tells it to.
            self.seen().forget(&delivery);
        }
        answer
    }

    async fn queue(&self, body: &[u8]) -> Answer {
        let options = self.serve.options;
        let events = match event::webhook(body) {
            Ok(Told::Events(events)) => events,
            Ok(_) => return said(StatusCode::OK, "no push, nothing to do"),
            Err(error) => {
                self.serve.reporter.warning(&format!("a webhook cannot be followed: {error}"));
                return said(StatusCode::BAD_REQUEST, &error.to_string());
            }
        };
        let mut answer = said(StatusCode::OK, "no wiki's branch, nothing to do");
        for event in events {
            let name = match event.about(&options.project) {
                About::Other => continue,
                About::Refused(why) => {
                    self.serve.reporter.warning(&why);
                    answer = said(StatusCode::UNPROCESSABLE_ENTITY, &why);
                    continue;
                }
                About::Wiki(name) => name,
            };
            let (layout, entry) = (options.layout.clone(), Entry::of(&event, &name));
            // It waits for the disk, and the others shall not.
            let added = tokio::task::spawn_blocking(move || queue::add(&layout, &entry)).await;
            match added.map_err(std::io::Error::other).flatten() {
                Ok(()) => {
                    self.serve.reporter.note(Verbosity::Verbose, &format!("`{name}` is queued"));
                    answer = said(StatusCode::ACCEPTED, &format!("{name} is queued to be deployed"));
                }
                Err(error) => {
                    self.serve.reporter.warning(&format!("cannot queue a push to `{name}`: {error}"));
                    return said(StatusCode::INTERNAL_SERVER_ERROR, "the push cannot be queued");
                }
            }
        }
        answer
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn said(status: StatusCode, text: &str) -> Answer {
    let mut answer = Response::new(Full::from(format!("{text}\n")));
    *answer.status_mut() = status;
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded() {
        let delivery = |number: usize| {
            let mut delivery = [0; 32];
            delivery[..8].copy_from_slice(&number.to_le_bytes());
            delivery
        };
        let mut seen = Seen::default();
        for number in 0..=REMEMBERED {
            assert!(seen.add(delivery(number)));
        }
        assert_eq!((seen.known.len(), seen.order.len()), (REMEMBERED, REMEMBERED));
        assert!(!seen.add(delivery(1)) && seen.add(delivery(0)));
        seen.forget(&delivery(0));
        assert!(seen.add(delivery(0)));
    }
}
