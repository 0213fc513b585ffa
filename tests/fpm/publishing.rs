//! Publishing while pools serve: every request gets the generation before or the one after, whole.

use std::env;
use std::ops::RangeInclusive;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::tree::{HOSTS, Shown, State, Tree, shown};
use super::{Pool, Settings};

/// Workers, and as many clients, which ask without a pause.
const WORKERS: usize = 4;

#[test]
fn a_pool_that_is_told_serves_one_generation_per_request() {
    serves_one_generation(&Settings::new(WORKERS).ini("opcache.validate_timestamps", "0"), Noticed::WhenTold);
}

/// As above, where OPcache keeps no file that is younger than two seconds, which is PHP's own setting.
#[test]
fn a_pool_that_is_told_and_waits_for_files_serves_one_generation_per_request() {
    let settings = Settings::new(WORKERS).ini("opcache.validate_timestamps", "0");
    serves_one_generation(&settings.ini("opcache.file_update_protection", "2"), Noticed::WhenTold);
}

#[test]
fn a_pool_that_looks_at_files_serves_one_generation_per_request() {
    let settings = Settings::new(WORKERS).ini("opcache.validate_timestamps", "1").ini("opcache.revalidate_freq", "0");
    serves_one_generation(&settings, Noticed::Within(Duration::ZERO));
}

/// PHP's own settings, with which OPcache looks every two seconds and keeps no file that is younger than two.
#[test]
fn a_pool_that_looks_at_files_now_and_then_serves_one_generation_per_request() {
    let settings = Settings::new(WORKERS)
        .ini("opcache.validate_timestamps", "1")
        .ini("opcache.revalidate_freq", "2")
        .ini("opcache.file_update_protection", "2");
    // Both count whole seconds.
    serves_one_generation(&settings, Noticed::Within(Duration::from_secs(3)));
}

/// Every so many publications there is a collection.
const COLLECTED: usize = 5;

/// When a pool has to serve what was published.
#[derive(Debug, Clone, Copy)]
enum Noticed {
    /// As soon as the build that tells it has ended.
    WhenTold,
    /// That long after the build has ended.
    Within(Duration),
}

/// How far publishing is. Publications are numbered; 0 is there from the beginning.
struct Progress {
    /// The latest publication whose build has begun.
    begun: AtomicUsize,
    /// When the build of each publication had ended.
    ended: Mutex<Vec<Instant>>,
    /// How long a pool may go on with the one before.
    lag: Duration,
    /// What the request of each client must see, at least.
    asked: [AtomicUsize; WORKERS],
}

/// What a client must see that has no request.
const NONE: usize = usize::MAX;

impl Progress {
    /// The latest publication that a request which begins now must see, at least.
    fn oldest(&self) -> usize {
        let now = Instant::now();
        let ended = self.ended.lock().expect("no panic while it is held");
        ended.iter().rposition(|&end| end + self.lag <= now).unwrap_or(0)
    }

    /// A client begins a request. Gives the latest publication that it must see, at least.
    fn ask(&self, client: usize) -> usize {
        // Until it is known, everything may be.
        self.asked[client].store(0, Ordering::SeqCst);
        let oldest = self.oldest();
        self.asked[client].store(oldest, Ordering::SeqCst);
        oldest
    }

    /// Its request has ended.
    fn answered(&self, client: usize) {
        self.asked[client].store(NONE, Ordering::SeqCst);
    }

    /// How many generations, the latest, requests may be served or go on with, however long they take.
    fn in_use(&self) -> usize {
        let asked = self.asked.iter().map(|asked| asked.load(Ordering::SeqCst));
        let oldest = asked.fold(self.oldest(), usize::min);
        (self.newest() - oldest + 1).max(2)
    }

    /// The latest publication that a request which has ended can have seen.
    fn newest(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }
}

/// The state of the farm that a publication is of: they change in turn who has an extension on, and what the base
/// has in it. All differ, for each wiki.
fn state(publication: usize) -> State {
    State { with_harbour: publication.div_ceil(2) % HOSTS.len(), steps: publication / 2 }
}

#[expect(clippy::print_stdout, reason = "with --nocapture a campaign tells how much it has seen")]
fn serves_one_generation(settings: &Settings, noticed: Noticed) {
    let publications = match env::var("MWFARM_PUBLICATIONS") {
        Ok(number) => number.parse().expect("MWFARM_PUBLICATIONS is a number"),
        Err(_) => 100,
    };
    let tree = Tree::new();
    tree.enter(state(0));
    tree.build(&[]);
    let pool = Pool::start(settings);
    let (told, lag): (&[&Pool], _) = match noticed {
        Noticed::WhenTold => (&[&pool], Duration::ZERO),
        Noticed::Within(lag) => (&[], lag),
    };
    let progress = Progress {
        begun: AtomicUsize::new(0),
        ended: Mutex::new(vec![Instant::now()]),
        lag,
        asked: [const { AtomicUsize::new(NONE) }; WORKERS],
    };
    let over = AtomicBool::new(false);
    let root = tree.root();
    let seen: Vec<Seen> = thread::scope(|scope| {
        let ask = |client: usize| {
            let mut seen = Seen::default();
            while !over.load(Ordering::SeqCst) && seen.wrong.is_empty() {
                let wiki = (client + seen.requests) % HOSTS.len();
                let oldest = progress.ask(client);
                // Now and then time goes by inside the request, so that publications happen there.
                let pause = if seen.requests.is_multiple_of(8) { 30_000 } else { 0 };
                let shown = shown(&pool, &root, wiki, pause);
                progress.answered(client);
                seen.add(wiki, &shown, oldest..=progress.newest());
            }
            if !seen.wrong.is_empty() {
                over.store(true, Ordering::SeqCst);
            }
            seen
        };
        let clients: Vec<_> = (0..WORKERS).map(|client| scope.spawn(move || ask(client))).collect();
        // However this ends, the clients do.
        let end = End(&over);
        let mut collected = 0;
        for publication in 1..=publications {
            if over.load(Ordering::SeqCst) {
                break;
            }
            tree.enter(state(publication));
            progress.begun.store(publication, Ordering::SeqCst);
            tree.build(told);
            progress.ended.lock().expect("no panic while it is held").push(Instant::now());
            if publication.is_multiple_of(COLLECTED) {
                collected += tree.collect(progress.in_use());
            }
        }
        // Nothing tells when a pool has noticed the last one; it has this long.
        thread::sleep(lag);
        for wiki in 0..HOSTS.len() {
            if !over.load(Ordering::SeqCst) {
                assert_eq!(tree.shown(&pool, wiki), state(publications).shown(wiki), "the last publication");
            }
        }
        // Where pools go on with what was before, all that was published may be in use.
        if matches!(noticed, Noticed::WhenTold) && !over.load(Ordering::SeqCst) {
            assert!(collected > 0, "nothing was collected");
        }
        drop(end);
        clients.into_iter().map(|client| client.join().expect("a client")).collect()
    });
    let wrong: Vec<&String> = seen.iter().flat_map(|seen| &seen.wrong).collect();
    assert!(wrong.is_empty(), "{wrong:#?}\n{}", pool.log());
    let complaints: Vec<String> =
        pool.log().lines().filter(|line| !line.contains("] NOTICE: ")).map(str::to_owned).collect();
    assert_eq!(complaints, [""; 0]);
    let total = |count: fn(&Seen) -> usize| seen.iter().map(count).sum::<usize>();
    let (requests, before) = (total(|seen| seen.requests), total(|seen| seen.before));
    // Else the clients have seen nothing of the publications.
    assert!(requests > 2 * publications, "only {requests} requests");
    println!("{publications} publications, {requests} requests, {before} of them while one went on");
}

/// Ends the clients when dropped.
struct End<'o>(&'o AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// What a client has seen.
#[derive(Default)]
struct Seen {
    requests: usize,
    /// Requests during which a publication went on, and which saw the one before.
    before: usize,
    wrong: Vec<String>,
}

impl Seen {
    fn add(&mut self, wiki: usize, shown: &Result<Shown, String>, possible: RangeInclusive<usize>) {
        self.requests += 1;
        let sees = |publication: &usize| matches!(shown, Ok(shown) if *shown == state(*publication).shown(wiki));
        // From the newest, which nearly all see.
        if let Some(publication) = possible.clone().rev().find(sees) {
            self.before += usize::from(publication < *possible.end());
            return;
        }
        let fault = match (shown, (0..=*possible.end()).find(sees)) {
            (Err(error), _) => error.clone(),
            (Ok(_), Some(other)) => format!("publication {other}"),
            (Ok(shown), None) => format!("a mixture: {shown:?}"),
        };
        self.wrong.push(format!("{}, {possible:?} possible: {fault}", HOSTS[wiki]));
    }
}
