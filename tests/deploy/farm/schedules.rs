//! Random schedules of everything that people and crashes do to wikis, against a small model of what has to come of it.
//!
//! `MWFARM_CASES` says how many steps there are, `MWFARM_SEED` which ones. A failure tells all steps before it.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::Value;

use super::sound::{Listing, listing, sound};
use super::watching::small_core;
use super::{Farm, Plan, Said, git, trace};

const WIKIS: [&str; 3] = ["a", "b", "c"];

/// How many steps a push to this repository pays for.
const FEW: usize = 70;

/// Commits of code and of configuration.
type Pair = (String, String);

/// What one wiki has to be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Model {
    state: State,
    /// Whether it is held, and then whether a deploy did that.
    held: Option<bool>,
    bad: BTreeSet<Pair>,
    /// Its releases, the oldest first.
    releases: Vec<Pair>,
    /// Which of them is served.
    served: usize,
    /// What its branch and its configuration have; none of the latter before it is made.
    tip: String,
    config: String,
    /// Whether the code of the branch parses.
    parses: bool,
    /// What the branch had before, and whether its code parses.
    older: Option<(String, bool)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Absent,
    Ready,
    Archived,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Create,
    Deploy,
    Again,
    Older,
    Revert,
    Hold,
    Resume,
    Archive,
    Restore,
    Delete,
}

const VERBS: [Verb; 10] = [
    Verb::Create,
    Verb::Deploy,
    Verb::Again,
    Verb::Older,
    Verb::Revert,
    Verb::Hold,
    Verb::Resume,
    Verb::Archive,
    Verb::Restore,
    Verb::Delete,
];

impl Model {
    fn newest(&self) -> Pair {
        (self.tip.clone(), self.config.clone())
    }

    /// What is served.
    fn pair(&self) -> Option<&Pair> {
        (self.state != State::Absent).then(|| &self.releases[self.served])
    }

    /// Applies a verb, and gives the exit code.
    fn apply(&mut self, verb: Verb) -> i32 {
        use State::{Absent, Archived, Ready};
        match (verb, self.state) {
            (Verb::Create, Absent) => {
                // Its first configuration is known when it is made.
                *self = Self { state: Ready, ..self.branch() };
                self.releases.push(self.newest());
                0
            }
            (_, Absent) | (Verb::Create | Verb::Deploy | Verb::Again | Verb::Older | Verb::Revert, Archived) => 4,
            (Verb::Create, Ready) => 0,
            (Verb::Deploy | Verb::Again, Ready) if self.held.is_some() => 4,
            (Verb::Older, Ready) if self.held == Some(false) => 4,
            (Verb::Deploy, Ready) => self.deploy(),
            (Verb::Older, Ready) => self.deploy_older(),
            (Verb::Again, Ready) => {
                self.releases.push(self.releases[self.served].clone());
                self.served = self.releases.len() - 1;
                0
            }
            (Verb::Revert, Ready) => self.revert(),
            (Verb::Hold, Ready | Archived) => {
                self.held = Some(false);
                0
            }
            (Verb::Resume, Ready | Archived) => {
                self.held = None;
                0
            }
            (Verb::Archive, Ready | Archived) => {
                self.state = Archived;
                0
            }
            (Verb::Restore, Ready | Archived) => {
                self.state = Ready;
                0
            }
            (Verb::Delete, Ready | Archived) => {
                *self = self.branch();
                0
            }
        }
    }

    /// What is left of a wiki that is gone.
    fn branch(&self) -> Self {
        Self { tip: self.tip.clone(), parses: self.parses, older: self.older.clone(), ..Self::default() }
    }

    /// The commit before the newest one, by hand: it stays, and pushes wait.
    fn deploy_older(&mut self) -> i32 {
        let Some((older, parses)) = self.older.clone() else { return 4 };
        let chosen = (older, self.config.clone());
        let served = self.pair().expect("a release");
        if *served != chosen {
            if !parses && served.0 != chosen.0 {
                return 1;
            }
            self.bad.remove(&chosen);
            self.releases.push(chosen);
            self.served = self.releases.len() - 1;
        }
        self.held = Some(true);
        0
    }

    /// The newest commits are served, unless they cannot be.
    fn deploy(&mut self) -> i32 {
        let newest = self.newest();
        if self.pair() == Some(&newest) {
            return 0;
        }
        if self.bad.contains(&newest) {
            return 4;
        }
        // What is new is parsed; code that is served was.
        if !self.parses && self.pair().is_some_and(|served| served.0 != newest.0) {
            return 1;
        }
        self.releases.push(newest);
        self.served = self.releases.len() - 1;
        0
    }

    /// Back to the newest older one that is not bad; the one that is left is, and nothing follows by itself.
    fn revert(&mut self) -> i32 {
        let left = self.releases[self.served].clone();
        let Some(to) = (0..self.served).rev().find(|&older| !self.bad.contains(&self.releases[older])) else {
            return 4;
        };
        if self.releases[to] != left {
            self.bad.insert(left);
        }
        self.served = to;
        self.held = Some(true);
        0
    }

    /// What a look at all wikis makes of it. Gives whether that has to be told as a failure.
    fn look(&mut self) -> bool {
        self.state == State::Ready && self.held.is_none() && self.deploy() == 1
    }
}

/// What a wiki is on disk.
#[derive(Debug, PartialEq, Eq)]
struct Observed {
    state: State,
    held: Option<bool>,
    bad: BTreeSet<Pair>,
    releases: Vec<Pair>,
    served: usize,
}

/// A farm, what is to be of it, and what was done.
struct Schedule {
    farm: Farm,
    models: BTreeMap<&'static str, Model>,
    done: Vec<String>,
    random: u64,
    kills: usize,
}

impl Schedule {
    fn new(seed: u64) -> Self {
        let farm = Farm::with_core(&Plan::plain().with("keep: 1000"), &small_core());
        farm.mwfarm(["watch", "worker", "--once"]).well();
        let base = git(&farm.at("core.git"), ["rev-parse", "main"]).trim().to_owned();
        let model = Model { tip: base, parses: true, ..Model::default() };
        let models = WIKIS.map(|wiki| (wiki, model.clone())).into();
        let random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        Self { farm, models, done: Vec::new(), random, kills: 0 }
    }

    /// A number below another one.
    fn below(&mut self, most: usize) -> usize {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.random >> 33).expect("a number") % most
    }

    fn step(&mut self) {
        let wiki = WIKIS[self.below(WIKIS.len())];
        let (state, has_branch) = {
            let model = &self.models[wiki];
            (model.state, !git(&self.farm.at("core.git"), self.branches(wiki)).is_empty())
        };
        match self.below(12) {
            0..3 if has_branch => self.push(wiki),
            3 if state == State::Ready => self.configure(wiki),
            4 => self.look(),
            5 if state != State::Absent => self.follow(wiki),
            6..9 => {
                let verb = self.verb(wiki);
                self.kill(wiki, verb);
            }
            _ => {
                let verb = self.verb(wiki);
                self.run(wiki, verb);
            }
        }
    }

    fn branches(&self, wiki: &str) -> [String; 3] {
        ["branch".to_owned(), "--list".to_owned(), format!("wiki/{}", self.farm.name(wiki))]
    }

    /// Something to do with a wiki. One that is not there is made, most often; one that is, is seldom deleted.
    fn verb(&mut self, wiki: &str) -> Verb {
        loop {
            let verb = VERBS[self.below(VERBS.len())];
            let state = self.models[wiki].state;
            let is_likely = match verb {
                Verb::Create => state == State::Absent,
                Verb::Delete => state != State::Absent && self.below(2) == 0,
                Verb::Deploy => true,
                Verb::Resume => self.models[wiki].held.is_some(),
                Verb::Older => state == State::Ready && self.models[wiki].older.is_some(),
                Verb::Restore => state == State::Archived,
                _ => state != State::Absent,
            };
            if is_likely || self.below(12) == 0 {
                // Code that does not parse makes no wiki: that is another test's.
                if verb == Verb::Create && !self.models[wiki].parses {
                    self.push_code(wiki, true);
                }
                return verb;
            }
        }
    }

    fn push(&mut self, wiki: &'static str) {
        let parses = self.below(5) != 0;
        self.push_code(wiki, parses);
    }

    fn push_code(&mut self, wiki: &str, parses: bool) {
        let text = if parses { format!("<?php // {}\n", self.done.len()) } else { "<?php function {\n".to_owned() };
        let tip = self.farm.push_file(wiki, "includes/Changed.php", &text);
        self.done.push(format!("push {wiki} {} parses {parses}", &tip[..8]));
        let model = self.models.get_mut(wiki).expect("a model");
        model.older = Some((std::mem::replace(&mut model.tip, tip), model.parses));
        model.parses = parses;
    }

    fn configure(&mut self, wiki: &str) {
        self.farm.configure_wiki(wiki, &format!("<?php\n$wgSitename = '{}';", self.done.len()));
        let config = self.configuration(wiki);
        self.done.push(format!("configure {wiki} {}", &config[..8]));
        self.models.get_mut(wiki).expect("a model").config = config;
    }

    /// The commit of a wiki's configuration.
    fn configuration(&self, wiki: &str) -> String {
        let work = self.farm.at("data/project").join(self.farm.name(wiki)).join("config.git-work");
        git(&work, ["rev-parse", "HEAD"]).trim().to_owned()
    }

    fn words(&self, wiki: &str, verb: Verb) -> Vec<String> {
        let words: &[&str] = match verb {
            Verb::Create => &["wiki", "create", "@"],
            Verb::Deploy => &["deploy", "@"],
            Verb::Again => &["deploy", "@", "--again"],
            // A commit that no branch has, where there is no older one.
            Verb::Older if self.models[wiki].older.is_none() => &["deploy", "@", "--rev", "0123456789ab"],
            Verb::Older => &["deploy", "@", "--rev", trace::OLDER],
            Verb::Revert => &["deploy", "@", "--revert"],
            Verb::Hold => &["wiki", "hold", "@", "why"],
            Verb::Resume => &["wiki", "resume", "@"],
            Verb::Archive => &["wiki", "archive", "@"],
            Verb::Restore => &["wiki", "restore", "@"],
            Verb::Delete => &["wiki", "delete", "@", "--yes-i-mean", "@"],
        };
        trace::words(&self.farm, wiki, words)
    }

    fn run(&mut self, wiki: &'static str, verb: Verb) {
        self.done.push(format!("{verb:?} {wiki}"));
        let said = self.farm.mwfarm(self.words(wiki, verb));
        let code = self.models.get_mut(wiki).expect("a model").apply(verb);
        assert_eq!(said.code, code, "{said:?}\n{}", self.told());
        self.learn(wiki);
        self.compare();
    }

    /// The configuration of a wiki that was just made.
    fn learn(&mut self, wiki: &str) {
        if self.models[wiki].state == State::Absent || !self.models[wiki].config.is_empty() {
            return;
        }
        let config = self.configuration(wiki);
        let model = self.models.get_mut(wiki).expect("a model");
        model.config.clone_from(&config);
        for release in &mut model.releases {
            release.1.clone_from(&config);
        }
    }

    /// Kills a verb, and mends: it was done, or not at all.
    fn kill(&mut self, wiki: &'static str, verb: Verb) {
        let calls = [("rename", 4), ("clone3", 10), ("fsync", 8), ("unlink", 4), ("mkdir", 4), ("write", 6)];
        let (call, most) = calls[self.below(calls.len())];
        let number = self.below(most) + 1;
        self.done.push(format!("{verb:?} {wiki}, killed at {call} {number}"));
        let said = trace::killed_at(call, number, &self.farm, &self.words(wiki, verb));
        let before = self.models.clone();
        let code = self.models.get_mut(wiki).expect("a model").apply(verb);
        let was_killed = said.code == -9;
        self.kills += usize::from(was_killed);
        assert!(was_killed || said.code == code, "{said:?}\n{}", self.told());
        let after = self.models.clone();
        let looked = self.mend();
        let mut possible = vec![after];
        if was_killed {
            possible.push(before);
        }
        // Killed twice in update.php for the same commits, it waits for a person.
        let why = self.state(wiki).map(|record| record["held"]["why"].as_str().unwrap_or_default().to_owned());
        let waits = why.is_some_and(|why| why.starts_with("update.php has failed "));
        let mut problems = Vec::new();
        for mut models in possible {
            if waits {
                models.get_mut(wiki).expect("a model").held = Some(true);
            }
            self.models = models;
            let fails = self.models.values_mut().fold(false, |fails, model| model.look() | fails);
            if self.models[wiki].state != State::Absent && self.state(wiki).is_some() {
                self.learn(wiki);
            }
            match self.differences() {
                None if (looked.code == 1) == fails => {
                    self.is_settled();
                    return;
                }
                None => problems.push(format!("it should fail: {fails}")),
                Some(problem) => problems.push(problem),
            }
        }
        panic!("{problems:#?}\n{said:?}\n{looked:?}\n{}", self.told());
    }

    fn look(&mut self) {
        self.done.push("reconcile".to_owned());
        let said = self.mend();
        let fails = self.models.values_mut().fold(false, |fails, model| model.look() | fails);
        assert_eq!(said.code == 1, fails, "{said:?}\n{}", self.told());
        self.compare();
        self.is_settled();
    }

    fn mend(&self) -> Said {
        let said = self.farm.mwfarm(["watch", "reconcile"]);
        assert!((0..=1).contains(&said.code), "{said:?}\n{}", self.told());
        said
    }

    /// Another look changes nothing, unless it tries again what fails.
    fn is_settled(&self) {
        let fails = self.models.values().any(|model| model.clone().look());
        catch_unwind(AssertUnwindSafe(|| sound(&self.farm))).unwrap_or_else(|_| panic!("{}", self.told()));
        let there = listing(&self.farm);
        let again = self.mend();
        if !fails {
            assert_eq!(
                (again.code, Listing::changes(&there, &listing(&self.farm))),
                (0, Vec::new()),
                "{}",
                self.told()
            );
        }
    }

    /// A push is told of, and a worker follows.
    fn follow(&mut self, wiki: &'static str) {
        self.done.push(format!("follow {wiki}"));
        let entry = format!(
            r#"{{"schema":1,"wiki":"{}","source":"hook","kind":"updated","code":"{}","who":"carol","at":1}}"#,
            self.farm.name(wiki),
            self.models[wiki].tip
        );
        fs::write(self.farm.at("var/lib/mwfarm/queue/new/1-1-1.json"), entry).expect("an entry");
        let said = self.farm.mwfarm(["watch", "worker", "--once"]).well();
        let fails = self.models.get_mut(wiki).expect("a model").look();
        // The commits of configurations tell by themselves.
        let others: Vec<_> = WIKIS.into_iter().filter(|other| *other != wiki).collect();
        for other in others {
            let model = &self.models[other];
            let releases = self.observed(other).map_or(0, |observed| observed.releases.len());
            if model.releases.len() != releases {
                self.models.get_mut(other).expect("a model").look();
            }
        }
        assert!(!fails || !said.contains(" 0 failed"), "{said}\n{}", self.told());
        assert_eq!(self.farm.queued(), 0, "{}", self.told());
        self.compare();
    }

    fn compare(&self) {
        if let Some(problem) = self.differences() {
            panic!("{problem}\n{}", self.told());
        }
    }

    /// What is not as the model has it.
    fn differences(&self) -> Option<String> {
        self.models.iter().find_map(|(wiki, model)| {
            let wanted = (model.state != State::Absent).then(|| Observed {
                state: model.state,
                held: model.held,
                bad: model.bad.clone(),
                releases: model.releases.clone(),
                served: model.served,
            });
            let there = self.observed(wiki);
            (there != wanted).then(|| format!("{wiki} is {there:#?}, not {wanted:#?}"))
        })
    }

    fn state(&self, wiki: &str) -> Option<Value> {
        let record = self.farm.at("var/lib/mwfarm/wikis").join(format!("{}.json", self.farm.name(wiki)));
        Some(serde_json::from_slice(&fs::read(record).ok()?).expect("JSON"))
    }

    /// What a wiki is on disk.
    fn observed(&self, wiki: &str) -> Option<Observed> {
        let record = self.state(wiki)?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let pair = |value: &Value| (text(&value["code"]), text(&value["config"]));
        let state = match record["state"].as_str() {
            Some("ready") => State::Ready,
            Some("archived") => State::Archived,
            _ => return None,
        };
        let directory = self.farm.at("srv/deployment/releases").join(self.farm.name(wiki));
        let mut releases = BTreeMap::new();
        for entry in fs::read_dir(directory).expect("releases").flatten() {
            let json = fs::read(entry.path().join(".mwfarm/release.json")).unwrap_or_default();
            let name = entry.file_name().into_string().expect("UTF-8");
            let number: u64 = name.split('-').next().and_then(|number| number.parse().ok()).expect("a number");
            releases.insert(number, (name, pair(&serde_json::from_slice(&json).unwrap_or_default())));
        }
        let served = self.farm.release(wiki);
        Some(Observed {
            state,
            held: record["held"]["by_deploy"].as_bool(),
            bad: record["bad"].as_array().expect("a list").iter().map(pair).collect(),
            served: releases.values().position(|(name, _)| Some(name) == served.as_ref())?,
            releases: releases.into_values().map(|(_, pair)| pair).collect(),
        })
    }

    fn told(&self) -> String {
        format!("after {} steps:\n{}", self.done.len(), self.done.join("\n"))
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "with --nocapture a campaign tells what it tried")]
fn whatever_is_done_in_whatever_order_is_what_was_meant() {
    let number = |name: &str| env::var(name).ok().map(|number| number.parse().expect("a number"));
    let seed = number("MWFARM_SEED").unwrap_or(1);
    let steps = number("MWFARM_CASES").unwrap_or(FEW as u64);
    let mut schedule = Schedule::new(seed);
    for _ in 0..steps {
        schedule.step();
    }
    schedule.look();
    sound(&schedule.farm);
    println!("seed {seed}: {} steps, {} killed", schedule.done.len(), schedule.kills);
    assert!(schedule.kills as u64 * 30 > steps, "{} kills", schedule.kills);
}
