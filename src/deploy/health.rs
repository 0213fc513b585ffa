//! Asks whether a wiki answers, and with which release.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

use super::options::{Backend, Options};
use super::release::ReleaseId;
use crate::farm::Host;

/// The field of an answer in which a release names itself.
pub const RELEASE: &str = "MwFarm-Release";

/// More of an answer is not read, in bytes.
const LARGEST: u64 = 4 << 20;

/// How long is waited before a connection is tried again.
const PAUSE: Duration = Duration::from_millis(50);

/// Through what a wiki is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Through {
    /// The proxy, as everybody does.
    Proxy,
    /// What is behind it, which also knows `next--<wiki>`.
    Backend(Backend),
}

/// What a wiki answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// The HTTP status.
    pub status: u16,
    /// The release that answered, if it named itself.
    pub release: Option<ReleaseId>,
}

/// Why a wiki is not well.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unwell {
    /// There was no answer in time.
    #[error("`{host}` does not answer: {reason}")]
    Silent {
        /// The host that was asked for.
        host: String,
        /// Why.
        reason: String,
    },
    /// It answered something else than 200.
    #[error("`{host}` answers {status} to `{path}`{}", said(beginning))]
    Status {
        /// The host.
        host: String,
        /// The path.
        path: String,
        /// The status.
        status: u16,
        /// The beginning of the answer's text, escaped.
        beginning: String,
    },
    /// Another release answered, or one that does not say which it is.
    #[error("`{host}` {}", other(found.as_deref(), expected))]
    Release {
        /// The host.
        host: String,
        /// What answered.
        found: Option<String>,
        /// What should.
        expected: ReleaseId,
    },
    /// The answer lacks what it should hold.
    #[error("`{host}` answers to `{path}` without `{expected}`{}", said(beginning))]
    Text {
        /// The host.
        host: String,
        /// The path.
        path: String,
        /// What is expected.
        expected: String,
        /// The beginning of the answer's text, escaped.
        beginning: String,
    },
}

/// What was answered, if anything was.
fn said(beginning: &str) -> String {
    if beginning.trim_matches('`').is_empty() { ", with nothing else".to_owned() } else { format!(": {beginning}") }
}

fn other(found: Option<&str>, expected: &ReleaseId) -> String {
    match found {
        Some(found) => format!("answers with the release `{found}`, not `{expected}`"),
        None => format!(
            "does not say that it runs the settings of `{expected}`: it does not read `MW_CONFIG_FILE`, or fails before"
        ),
    }
}

/// Asks what is behind the proxy whether a host is served by a release, and well: 200, the expected text, and the
/// release's name in the header; and pages that are no errors. A connection that fails is tried again until the time is
/// over; an answer is an answer.
///
/// # Errors
/// Says what is wrong.
pub fn check(options: &Options, backend: Backend, host: &Host, release: &ReleaseId) -> Result<(), Unwell> {
    check_within(options, backend, host, release, Duration::from_secs(options.health.seconds))
}

/// The same with another limit of time, for a look.
///
/// # Errors
/// As of [`check`].
pub fn check_within(
    options: &Options,
    backend: Backend,
    host: &Host,
    release: &ReleaseId,
    time: Duration,
) -> Result<(), Unwell> {
    let health = &options.health;
    let address = options.services.address(backend);
    let answer = insist(address, host.as_str(), &health.path, time)?;
    let path = &health.path;
    if answer.status != 200 {
        return Err(answer.status(host, path));
    }
    answer.is_of(host, release)?;
    if !health.expect.is_empty() && !health.expect.iter().any(|text| answer.holds(text)) {
        let beginning = answer.beginning();
        let (host, path, expected) = (host.to_string(), path.clone(), health.expect.join("` or `"));
        return Err(Unwell::Text { host, path, expected, beginning });
    }
    for path in &health.pages {
        let answer = insist(address, host.as_str(), path, time)?;
        // A page may be somewhere else, or only for members.
        if answer.status >= 500 {
            return Err(answer.status(host, path));
        }
        answer.is_of(host, release)?;
    }
    Ok(())
}

/// Looks at what answers for a host, without judging.
///
/// # Errors
/// There is no answer in time.
pub fn observe(options: &Options, host: &Host, through: Through) -> Result<Observed, Unwell> {
    let address = match through {
        Through::Proxy => &options.services.proxy,
        Through::Backend(backend) => options.services.address(backend),
    };
    let answer = insist(address, host.as_str(), &options.health.path, Duration::from_secs(options.health.seconds))?;
    Ok(Observed { status: answer.status, release: answer.release.and_then(|text| text.parse().ok()) })
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) release: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    fn holds(&self, text: &str) -> bool {
        text.is_empty() || memchr::memmem::find(&self.body, text.as_bytes()).is_some()
    }

    fn is_of(&self, host: &Host, release: &ReleaseId) -> Result<(), Unwell> {
        if self.release.as_deref().and_then(|text| text.parse().ok()).as_ref() == Some(release) {
            return Ok(());
        }
        let found = self.release.as_ref().map(|text| text.escape_debug().to_string());
        Err(Unwell::Release { host: host.to_string(), found, expected: release.clone() })
    }

    fn status(&self, host: &Host, path: &str) -> Unwell {
        let (host, path) = (host.to_string(), path.to_owned());
        Unwell::Status { host, path, status: self.status, beginning: self.beginning() }
    }

    fn beginning(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        format!("`{}`", text.trim().chars().take(200).collect::<String>().escape_debug())
    }
}

/// Asks an address for a host, once.
pub(crate) fn ask(address: &str, host: &str, path: &str, time: Duration) -> Result<Answer, Unwell> {
    let silent = |reason: String| Unwell::Silent { host: host.to_owned(), reason };
    let url = url(address, path).map_err(silent)?;
    once(&url, host, time).map_err(|error| silent(error.to_string().escape_debug().to_string()))
}

/// Asks, and again while connections fail and there is time.
fn insist(address: &str, host: &str, path: &str, time: Duration) -> Result<Answer, Unwell> {
    let silent = |reason: String| Unwell::Silent { host: host.to_owned(), reason };
    let url = url(address, path).map_err(silent)?;
    let deadline = Instant::now() + time;
    let mut failed = None;
    loop {
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let error = match once(&url, host, left) {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let again = matches!(error, ureq::Error::Io(_) | ureq::Error::ConnectionFailed);
        if !again || Instant::now() + PAUSE >= deadline {
            // That there was no time left for a last try says less than what failed before.
            let before = failed.filter(|_| matches!(error, ureq::Error::Timeout(_)));
            let before = before.map_or_else(String::new, |before: ureq::Error| format!("; before that: {before}"));
            return Err(silent(format!("{error}{before}").escape_debug().to_string()));
        }
        failed = Some(error);
        thread::sleep(PAUSE);
    }
}

fn url(address: &str, path: &str) -> Result<String, String> {
    let address: SocketAddr = address.parse().map_err(|_| format!("`{}` is no address", address.escape_debug()))?;
    Ok(format!("http://{}{path}", SocketAddr::new(reachable(address.ip()), address.port())))
}

/// One request. Nothing is followed, and no proxy of the environment is used.
fn once(url: &str, host: &str, time: Duration) -> Result<Answer, ureq::Error> {
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(time))
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .user_agent("mwfarm")
        .build();
    let agent = ureq::Agent::new_with_config(config);
    let mut response = agent.get(url).header("Host", host).call()?;
    let status = response.status().as_u16();
    let release = response.headers().get(RELEASE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let body = response.body_mut().with_config().limit(LARGEST).read_to_vec()?;
    Ok(Answer { status, release, body })
}

/// Where something listens that listens everywhere.
fn reachable(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        address => address,
    }
}
