//! The program killed at each step of each verb while real daemons serve: nginx with PHP-FPM or Apache with mpm-itk,
//! `MariaDB`, Redis. What is served is old or new before anything is mended; `watch reconcile` finishes or takes back what
//! was begun; then registry, disk, daemons and users say the same, and a second run changes nothing.
//!
//! With `-vv` the program tells its steps, which a trace shows between the system calls. Some of these are chosen in
//! each step: `MWFARM_KILLS` says how many of a verb, `all` for all; without it, one in each step. `MWFARM_SEED` tells
//! which, and more where a step is long. Several wikis are killed before all of them are mended.

mod again;
mod verbs;

use std::collections::BTreeSet;
use std::env;
use std::time::Instant;

use super::sound::{Listing, listing, sound};
use super::{Farm, Plan, Said, core, trace};
use crate::strace::{Moment, spread};
use verbs::Verb;

/// How many wikis are killed before they are mended.
const AT_ONCE: usize = 4;

/// How often a step is tried again at which nothing was struck.
const TRIES: usize = 3;

/// How many wikis wait to be of use.
const FEW: usize = 12;

/// What the program does before it tells any step.
const BEGINNING: &str = "beginning";

#[test]
fn with_fpm_create_and_delete() {
    let mut matrix = Matrix::new("fpm");
    matrix.run(&verbs::create());
    matrix.run(&verbs::delete());
}

#[test]
fn with_fpm_deploy_and_rollback() {
    let mut matrix = Matrix::new("fpm");
    matrix.run(&verbs::deploy());
    matrix.run(&verbs::deploy_of_a_new_version());
    matrix.run(&verbs::rollback());
}

#[test]
fn with_fpm_revert_archive_and_restore() {
    let mut matrix = Matrix::new("fpm");
    matrix.run(&verbs::revert());
    matrix.run(&verbs::deploy_of_a_revision());
    matrix.run(&verbs::archive());
    matrix.run(&verbs::restore());
    if trace::is_campaign() {
        matrix.run(&verbs::deploy_again());
        matrix.run(&verbs::deploy_of_configuration());
    }
}

#[test]
fn with_itk() {
    let mut matrix = Matrix::new("itk");
    matrix.run(&verbs::create());
    matrix.run(&verbs::deploy());
    matrix.run(&verbs::delete());
    if trace::is_campaign() {
        for verb in [
            verbs::deploy_of_a_new_version(),
            verbs::rollback(),
            verbs::revert(),
            verbs::deploy_of_a_revision(),
            verbs::deploy_again(),
            verbs::archive(),
            verbs::restore(),
            verbs::deploy_of_configuration(),
        ] {
            matrix.run(&verb);
        }
    }
}

/// A farm with all daemons, and how many wikis it has had.
struct Matrix {
    farm: Farm,
    wikis: usize,
    /// Those that were made, and of which nothing is wanted yet.
    made: Vec<String>,
    version: u32,
    web: &'static str,
}

/// A wiki at which a verb was struck.
struct Struck {
    wiki: String,
    /// What it served before.
    before: Option<String>,
    moment: Moment,
    said: Said,
}

impl Matrix {
    fn new(web: &'static str) -> Self {
        let farm = Farm::with_core(&Plan::with_stores(web), &core::with_stores("1"));
        // Others are there, too.
        farm.create("z");
        Self { farm, wikis: 0, made: Vec::new(), version: 1, web }
    }

    /// A wiki for a verb: one that was made, or a name that no wiki has had.
    fn wiki(&mut self, verb: &Verb) -> String {
        if let Some(made) = self.made.pop_if(|_| verb.takes_made) {
            return made;
        }
        self.wikis += 1;
        format!("w{}", self.wikis)
    }

    fn version(&mut self) -> u32 {
        self.version += 1;
        self.version
    }

    /// Kills a verb at all its steps.
    #[expect(clippy::print_stdout, reason = "with --nocapture a campaign tells what it tried")]
    fn run(&mut self, verb: &Verb) {
        let begun = Instant::now();
        let mut wikis = Vec::new();
        if !verb.is_for_new {
            wikis = (0..AT_ONCE).map(|_| self.wiki(verb)).collect();
            for wiki in &wikis {
                self.farm.create(wiki);
            }
        }
        let by_step = self.moments(verb, wikis.first());
        let all: usize = by_step.iter().map(|(_, moments)| moments.len()).sum();
        let mut left: Vec<(String, Vec<Moment>)> = by_step;
        let (mut struck, mut tried, mut seen) = (0, 0, BTreeSet::new());
        for try_ in 0..TRIES {
            let chosen: Vec<Moment> = left.iter().flat_map(|(_, moments)| chosen(moments, all, try_)).collect();
            for group in chosen.chunks(AT_ONCE) {
                let mut done = Vec::new();
                for (place, moment) in group.iter().enumerate() {
                    let wiki = wikis.get(place).cloned().unwrap_or_else(|| self.wiki(verb));
                    tried += 1;
                    done.push(self.strike(verb, wiki, moment));
                }
                self.mend(verb, &done);
                for Struck { wiki, said, .. } in done.iter().filter(|done| done.said.code == -9) {
                    struck += 1;
                    seen.insert(step(&self.farm, verb, wiki, &said.err));
                }
            }
            left.retain(|(step, _)| !seen.contains(step));
            if left.is_empty() {
                break;
            }
        }
        for wiki in &wikis {
            (verb.end)(&self.farm, wiki);
        }
        let (words, took) = (verb.words.join(" "), begun.elapsed());
        println!(
            "`{words}` ({}, {}) is killed: {struck} times of {tried}, at {} steps, of {all} moments, in {took:?}",
            verb.what,
            self.web,
            seen.len()
        );
        assert!(left.is_empty(), "`{words}` was never killed at {:?}", left.iter().map(|(step, _)| step));
    }

    /// The moments of a verb, by step; a run without a kill tells.
    fn moments(&mut self, verb: &Verb, wiki: Option<&String>) -> Vec<(String, Vec<Moment>)> {
        let wiki = wiki.cloned().unwrap_or_else(|| self.wiki(verb));
        self.prepare(verb, &wiki);
        let moments = trace::moments(&self.farm, &words(verb, &self.farm, &wiki));
        let mut by_step = vec![(BEGINNING.to_owned(), Vec::new())];
        for moment in moments {
            let told = moment.is_of("write").then(|| moment.text.strip_prefix("2, \"")).flatten();
            let told = told.and_then(|text| text.split("\\n").next()).and_then(|line| step_of(&self.farm, &wiki, line));
            let told = told.filter(|step| verb.steps.contains(&step.as_str()));
            // A kill at what tells of a step comes before that is told.
            by_step.last_mut().expect("one").1.push(moment);
            if let Some(step) = told {
                by_step.push((step, Vec::new()));
            }
        }
        let told: Vec<&str> = by_step[1..].iter().map(|(step, _)| step.as_str()).collect();
        let mut wanted: BTreeSet<&str> = verb.steps.iter().copied().collect();
        wanted.retain(|step| !told.contains(step));
        assert!(wanted.is_empty(), "`{}` does not tell {wanted:?}: {told:?}", verb.words.join(" "));
        let mut merged: Vec<(String, Vec<Moment>)> = Vec::new();
        for (step, moments) in by_step {
            match merged.iter_mut().find(|(known, _)| *known == step) {
                Some((_, known)) => known.extend(moments),
                None => merged.push((step, moments)),
            }
        }
        self.reconciled(verb, &[]);
        self.settle(verb, &wiki);
        // Where nothing is asked of the system, nothing can be cut off.
        merged.retain(|(_, moments)| !moments.is_empty());
        merged
    }

    fn prepare(&mut self, verb: &Verb, wiki: &str) {
        let version = self.version();
        (verb.prepare)(&self.farm, wiki, version);
    }

    /// Kills a verb of a wiki at a moment. It then answers as before, or as after.
    fn strike(&mut self, verb: &Verb, wiki: String, moment: &Moment) -> Struck {
        self.prepare(verb, &wiki);
        let before = self.farm.release(&wiki);
        let said = trace::killed(moment, &self.farm, &words(verb, &self.farm, &wiki));
        let killed = [0, 1, -9].contains(&said.code);
        assert!(killed, "{moment:?}: {said:?}");
        let struck = Struck { wiki, before, moment: moment.clone(), said };
        self.answers(verb, &struck);
        struck
    }

    /// Before anything is mended, whoever asks is answered by one release, as a whole, or by none where there is none
    /// yet, or no more.
    fn answers(&self, verb: &Verb, struck: &Struck) {
        let Struck { wiki, moment, .. } = struck;
        let reply = self.farm.get(wiki, "/index.php");
        match reply.status {
            200 => drop(whole_of(&self.farm, wiki, &reply.body)),
            status => assert!(verb.allowed.contains(&status), "{moment:?}: {reply:?}"),
        }
    }

    /// Mends what was struck.
    fn mend(&mut self, verb: &Verb, struck: &[Struck]) {
        self.reconciled(verb, struck);
        for one in struck {
            let context = || format!("`{}` at {:?}\n{}", one.wiki, one.moment, one.said.err);
            let problem = (verb.after)(&self.farm, &one.wiki, one.before.as_deref());
            assert!(problem.is_ok(), "{}\n{}", problem.unwrap_err(), context());
        }
        for one in struck {
            self.settle(verb, &one.wiki);
        }
    }

    /// Brings a wiki to where it can be struck again, or lets it go.
    fn settle(&mut self, verb: &Verb, wiki: &str) {
        (verb.settle)(&self.farm, wiki);
        if !verb.is_for_new || verbs::state(&self.farm, wiki).is_none() {
            return;
        }
        if self.made.len() < FEW {
            self.made.push(wiki.to_owned());
        } else {
            self.farm.delete(wiki);
        }
    }

    /// A first run mends, a second one changes nothing.
    fn reconciled(&self, verb: &Verb, struck: &[Struck]) {
        let farm = &self.farm;
        let first = farm.mwfarm(["watch", "reconcile"]);
        let context = || {
            let all = struck.iter().map(|one| format!("{} at {:?}\n{}", one.wiki, one.moment, one.said.err));
            format!("{}\nthe first said {first:?}", all.collect::<Vec<_>>().join("\n"))
        };
        // One that finds a release bad says so, and fails.
        assert!(first.code == 0 || verb.may_fail && first.code == 1, "{}", context());
        let there = quiet(farm);
        let second = farm.mwfarm(["watch", "reconcile"]);
        // What a person has to decide is told each time: branches of wikis that are gone, and commits that were left.
        let is_for_a_person =
            |line: &&str| line.contains("has no wiki") || line.contains(" is marked as bad: left by a revert");
        let told: Vec<&str> = second.out.lines().filter(|line| !is_for_a_person(line)).collect();
        assert_eq!((second.code, second.err.as_str()), (0, ""), "{}", context());
        assert!(told.is_empty() || told == ["nothing differs"], "{second:?}\n{}", context());
        assert_eq!(Listing::changes(&there, &quiet(farm)), Vec::<String>::new(), "{}", context());
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| sound(farm)))
            .unwrap_or_else(|_| panic!("{}", context()));
        assert_eq!(whole(farm, "z"), 1, "somebody else's wiki");
    }
}

/// All files but those of the servers, which write when they like.
fn quiet(farm: &Farm) -> Listing {
    listing(farm).without(|path| path.ends_with("php.log"))
}

/// The number that a wiki's page and all of its parts say.
#[track_caller]
fn whole(farm: &Farm, wiki: &str) -> u32 {
    whole_of(farm, wiki, &farm.page(wiki))
}

#[track_caller]
fn whole_of(farm: &Farm, wiki: &str, page: &str) -> u32 {
    let words: Vec<&str> = page.split_whitespace().collect();
    let ["index", index, "page", part, "site", _, "release", release] = words[..] else {
        panic!("half a page: {page}")
    };
    assert_eq!(index, part, "{page}");
    let served = farm.release(wiki).expect("a release");
    assert_eq!(release, format!("includes{served}"), "{page}");
    index.parse().expect("a number")
}

fn words(verb: &Verb, farm: &Farm, wiki: &str) -> Vec<String> {
    let mut words = trace::words(farm, wiki, verb.words);
    words.push("-vv".to_owned());
    words
}

/// The step that a line tells of, if it is one: `alpha: user`, `alpha: 3-0123456789ab: built`.
fn step_of(farm: &Farm, wiki: &str, line: &str) -> Option<String> {
    let rest = line.strip_prefix(&format!("{}: ", farm.name(wiki)))?;
    let step = rest.rsplit(": ").next()?;
    let is_word = step.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    is_word.then(|| step.to_owned())
}

/// The last step that was told.
fn step(farm: &Farm, verb: &Verb, wiki: &str, said: &str) -> String {
    let told = said.lines().filter_map(|line| step_of(farm, wiki, line));
    let mut told = told.filter(|step| verb.steps.contains(&step.as_str()));
    told.next_back().unwrap_or_else(|| BEGINNING.to_owned())
}

/// Moments of one step, of a verb that has so many: as many as `MWFARM_KILLS` gives to it, at least one.
fn chosen(moments: &[Moment], all: usize, try_: usize) -> Vec<Moment> {
    let wanted = match env::var("MWFARM_KILLS").ok().as_deref() {
        None => 1 + moments.len() / 100,
        Some("all") => moments.len(),
        Some(number) => number.parse::<usize>().expect("a number") * moments.len() / all.max(1),
    };
    let seed: usize = env::var("MWFARM_SEED").ok().map_or(0, |seed| seed.parse().expect("a number"));
    spread(moments, wanted.max(1), seed + 1 + try_ * 3)
}
