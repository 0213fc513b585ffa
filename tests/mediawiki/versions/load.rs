//! Clients that never stop asking, and what they may be told while a wiki gets another version.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mwfarm::fastcgi::{Address, Response};

use super::farm::{Farm, INFO, Wiki, info, page};
use crate::meanwhile::End;

/// How many ask at once.
pub(super) const CLIENTS: usize = 4;

/// How long something may take that the test waits for.
const PATIENCE: Duration = Duration::from_secs(600);

/// What a client was told by the wiki that changes. They come in this order, whatever client is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Told {
    /// A whole answer of the version before.
    Old,
    /// To come back: 503 with `Retry-After`.
    Later,
    /// A whole answer of the version after.
    New,
}

/// The versions of the wiki that changes: their names, with MediaWiki's own.
pub(super) type Change<'c> = [(&'c str, &'c str); 2];

/// Clients of a farm: each asks one wiki after the other, for pages and by the API.
pub(super) struct Clients<'c> {
    farm: &'c Farm,
    pool: Address,
    /// The wiki that changes.
    changing: Wiki,
    change: Change<'c>,
    /// The others, with MediaWiki's own name for their version.
    others: Vec<(Wiki, String)>,
    told: Mutex<Vec<(Instant, Told)>>,
    wrong: Mutex<Vec<String>>,
    rounds: [AtomicUsize; CLIENTS],
    asked: AtomicUsize,
    end: AtomicBool,
}

/// What all clients were told.
#[derive(Debug)]
pub(super) struct Summary {
    /// By the wiki that changes, each with when the request began.
    pub(super) told: Vec<(Instant, Told)>,
    /// How many requests there were, to all wikis.
    pub(super) asked: usize,
}

impl<'c> Clients<'c> {
    pub(super) fn new(
        farm: &'c Farm,
        pool: Address,
        changing: Wiki,
        change: Change<'c>,
        others: Vec<(Wiki, String)>,
    ) -> Self {
        Self {
            farm,
            pool,
            changing,
            change,
            others,
            told: Mutex::default(),
            wrong: Mutex::default(),
            rounds: std::array::from_fn(|_| AtomicUsize::new(0)),
            asked: AtomicUsize::new(0),
            end: AtomicBool::new(false),
        }
    }

    /// Runs `work` while the clients ask. Everything that they were told has to be right.
    #[track_caller]
    pub(super) fn ask_during(self, work: impl FnOnce(&Self)) -> Summary {
        thread::scope(|scope| {
            for client in 0..CLIENTS {
                let clients = &self;
                scope.spawn(move || clients.go_on(client));
            }
            // Should the work fail, the clients end, too.
            let ending = End(&self.end);
            work(&self);
            drop(ending);
        });
        let wrong = self.wrong.into_inner().expect("no panic while it was held");
        assert!(wrong.is_empty(), "{} wrong answers; the first: {}", wrong.len(), wrong[0]);
        let told = self.told.into_inner().expect("no panic while it was held");
        Summary { told, asked: self.asked.into_inner() }
    }

    /// Waits until each client has asked every wiki for everything, twice over: the second time, it began after this
    /// was called.
    #[track_caller]
    pub(super) fn wait_for_rounds(&self) {
        let before: Vec<usize> = self.rounds.iter().map(|rounds| rounds.load(Ordering::SeqCst)).collect();
        let all = || self.rounds.iter().zip(&before).all(|(now, before)| now.load(Ordering::SeqCst) >= before + 2);
        self.wait_until("all clients have gone round", all);
    }

    /// Waits until the wiki that changes has told clients this often to come back.
    #[track_caller]
    pub(super) fn wait_for_refusals(&self, times: usize) {
        let told = || {
            let told = self.told.lock().expect("no panic while it is held");
            told.iter().filter(|(_, told)| *told == Told::Later).count() >= times
        };
        self.wait_until("clients are told to come back", told);
    }

    #[track_caller]
    fn wait_until(&self, what: &str, holds: impl Fn() -> bool) {
        let start = Instant::now();
        while !holds() {
            let wrong = self.wrong.lock().expect("no panic while it is held").first().cloned();
            assert!(wrong.is_none(), "{}", wrong.unwrap_or_default());
            assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// One client.
    fn go_on(&self, client: usize) {
        let mut last = Told::Old;
        let mut bodies = BTreeMap::new();
        while !self.end.load(Ordering::SeqCst) {
            for uri in ["/index.php?title=Main_Page", INFO] {
                let begun = Instant::now();
                match self.of_changing(uri) {
                    Ok(told) if told < last => self.is_wrong(format!("{told:?} after {last:?}")),
                    Ok(told) => {
                        last = told;
                        self.told.lock().expect("no panic while it is held").push((begun, told));
                    }
                    Err(error) => self.is_wrong(error),
                }
                for (wiki, release) in &self.others {
                    if let Err(error) = self.of_other(wiki, release, uri, &mut bodies) {
                        self.is_wrong(error);
                    }
                }
            }
            self.rounds[client].fetch_add(1, Ordering::SeqCst);
        }
    }

    fn is_wrong(&self, error: String) {
        self.wrong.lock().expect("no panic while it is held").push(error);
        self.end.store(true, Ordering::SeqCst);
    }

    fn ask(&self, wiki: &Wiki, uri: &str) -> Result<Response, String> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let response =
            Farm::try_ask(&self.farm.path("output/www"), &self.pool, wiki.host, &format!("{}{uri}", wiki.path))?;
        let complaints = super::complaints(&response);
        if complaints.is_empty() { Ok(response) } else { Err(format!("{}{uri}: {complaints:?}", wiki.host)) }
    }

    /// The wiki that changes tells which version it has, or to come back.
    fn of_changing(&self, uri: &str) -> Result<Told, String> {
        let response = self.ask(&self.changing, uri)?;
        if response.status == 503 {
            let retry = response.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("retry-after"));
            let reason = b"This wiki is being updated. Please try again soon.\n";
            return match retry.and_then(|(_, seconds)| seconds.parse::<u32>().ok()) {
                Some(1..) if response.body == reason => Ok(Told::Later),
                _ => Err(format!("{response:?}")),
            };
        }
        let said = said(&response, uri).ok_or_else(|| wrong(&self.changing, uri, &response))?;
        for (index, (version, release)) in self.change.iter().enumerate() {
            if self.changing.says(&said, version, release) {
                return Ok([Told::Old, Told::New][index]);
            }
        }
        Err(format!("{said:?}: {}", wrong(&self.changing, uri, &response)))
    }

    /// The others say the same, byte for byte, all the time.
    fn of_other(
        &self,
        wiki: &Wiki,
        release: &str,
        uri: &str,
        bodies: &mut BTreeMap<String, String>,
    ) -> Result<(), String> {
        let response = self.ask(wiki, uri)?;
        let said = said(&response, uri).filter(|said| wiki.says(said, wiki.version, release));
        if said.is_none() {
            return Err(wrong(wiki, uri, &response));
        }
        let body = lasting(&response);
        let before = bodies.entry(format!("{}{uri}", wiki.id)).or_insert_with(|| body.clone());
        let differs = before.lines().zip(body.lines()).find(|(before, now)| before != now);
        if *before == body { Ok(()) } else { Err(format!("{}{uri} has changed: {differs:?}", wiki.id)) }
    }
}

/// What an answer says of itself, if it is a whole one.
fn said(response: &Response, uri: &str) -> Option<[String; 3]> {
    if response.status != 200 {
        return None;
    }
    if uri == INFO {
        return info(response).ok().map(|(said, _)| said);
    }
    response.body.trim_ascii_end().ends_with(b"</html>").then(|| page(response))
}

fn wrong(wiki: &Wiki, uri: &str, response: &Response) -> String {
    format!("{}{uri}: {} {}", wiki.id, response.status, String::from_utf8_lossy(&response.body))
}

/// The body without what is of one request only, and without what the parser says of its work: several may have done
/// that at once, before its result was cached.
fn lasting(response: &Response) -> String {
    let body = String::from_utf8_lossy(&response.body);
    let body = body.split("\"wgPageParseReport\"").next().unwrap_or_default();
    let body = match (body.split_once("NewPP limit report"), body.split_once("<div class=\"printfooter\"")) {
        (Some((before, _)), Some((_, behind))) => format!("{before}{behind}"),
        _ => body.to_owned(),
    };
    let parts = body.split(['\n', ',', '{', '}']);
    let own = ["\"wgRequestId\"", "\"wgBackendResponseTime\"", "\"time\""];
    parts.filter(|part| !own.iter().any(|name| part.contains(name))).collect::<Vec<_>>().join("\n")
}
