//! A verb that is stopped at every system call that changes something: what is served is old or new, and the same verb
//! once more finishes, with the bytes of one that was never stopped.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use mwfarm::build::copy::MARK;
use mwfarm::build::published::{DISPATCHER, FIXED, MANIFEST};
use mwfarm::disk::STAGING;

use super::snapshot::Snapshot;
use super::sound::{Side, Sides, is_as_listed};
use super::tree::{Said, State, Tree};
use super::{Size, size};
use crate::strace::{self, CHANGES, Moment};

/// What is stopped.
pub(super) struct Case {
    /// The words; `@` in them is the directory beside which the tree is.
    pub(super) words: &'static [&'static str],
    /// Brings a new tree into the state before.
    pub(super) prepare: fn(&Tree),
    /// The directory that is published, as a path beside the tree.
    pub(super) place: &'static str,
    /// What the same says once more, as an error, when all is done already.
    pub(super) done: Option<&'static str>,
}

/// A case, and what comes of it when nothing stops it.
struct Known<'c> {
    case: &'c Case,
    tree: Tree,
    /// As Composer left the vendor directory.
    original: Snapshot,
    /// Everything, before and after.
    before: Snapshot,
    after: Snapshot,
    sides: Sides,
    /// What changes something or opens a file to read it, in order.
    moments: Vec<(usize, Moment)>,
    /// The first moment after the switch.
    switched: usize,
    /// How long it takes when nothing happens, more or less.
    took: Duration,
}

/// What happens at a moment.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Kill,
    /// The system refuses with this error, once or from then on.
    Refuse(&'static str, bool),
    /// Eight threads are at work, and this part of a thousand of the time that it takes is over.
    KillAt(u32),
}

/// Errors, with what the system calls them.
const ERRORS: [(&str, &str); 5] = [
    ("ENOSPC", "No space left on device"),
    ("EIO", "Input/output error"),
    ("EACCES", "Permission denied"),
    ("EMFILE", "Too many open files"),
    ("EDQUOT", "Disk quota exceeded"),
];

/// Kills at every moment.
pub(super) fn killed(case: &Case) {
    let wrong = deaths(case);
    assert!(wrong.is_empty(), "{} moments:\n{}", wrong.len(), wrong.join("\n\n"));
}

/// Kills at every moment. What is wrong afterwards.
pub(super) fn deaths(case: &Case) -> Vec<String> {
    let known = Known::of(case);
    let changes = |moment: &usize| is_change(&known.moments[*moment].1);
    let faults: Vec<(usize, Fault)> =
        (0..known.moments.len()).filter(changes).map(|moment| (moment, Fault::Kill)).collect();
    known.bears(&faults)
}

/// Kills at random times, while several threads are at work.
pub(super) fn killed_at_random(case: &Case) {
    let known = Known::of(case);
    let times = if size() == Size::All { 500 } else { 60 };
    let mut random = super::seed() as u64 + 1;
    let faults = (0..times).map(|_| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (0, Fault::KillAt(u32::try_from((random >> 33) % 1000).expect("a number")))
    });
    let faults: Vec<(usize, Fault)> = faults.collect();
    let wrong = known.bears(&faults);
    assert!(wrong.is_empty(), "{} of {times}:\n{}", wrong.len(), wrong.join("\n\n"));
}

/// Refuses at every moment with every error, or at some.
pub(super) fn refused(case: &Case) {
    let known = Known::of(case);
    let all = ERRORS.iter().flat_map(|(error, _)| [false, true].map(|lasts| Fault::Refuse(error, lasts)));
    let all: Vec<(usize, Fault)> =
        all.flat_map(|fault| (0..known.moments.len()).map(move |moment| (moment, fault))).collect();
    let faults = match size() {
        Size::All => all,
        Size::Few => strace::spread(&all, 60, super::seed()),
    };
    let wrong = known.bears(&faults);
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), faults.len(), wrong.join("\n\n"));
}

impl<'c> Known<'c> {
    fn of(case: &'c Case) -> Self {
        let tree = Tree::new(size().extensions());
        let original = Snapshot::of(&tree.vendor());
        (case.prepare)(&tree);
        // Whatever is written has to be younger, in whole seconds: OPcache compares nothing else.
        for name in FIXED.iter().chain([&MANIFEST]) {
            if let Ok(file) = File::open(tree.beside(case.place).join(name)) {
                file.set_modified(SystemTime::now() + Duration::from_secs(86_400)).expect("a time");
            }
        }
        let before = everything(&tree);
        // All files are as young as they are for each fault: what the cache believes of them is the same.
        before.restore(&tree.beside(""));
        let begun = Sides::begin(&tree, case.place);
        let calls = format!("trace={CHANGES},openat,flock,clone,clone3,vfork");
        tree.traced(case.words, &[calls]).well();
        let moments: Vec<Moment> = strace::moments(&tree.trace());
        let one_thread = moments.iter().all(|moment| !["clone", "clone3", "vfork"].contains(&moment.call.as_str()));
        assert!(one_thread, "strace counts the calls of each thread");
        let switched = moments.iter().position(|moment| {
            moment.is_of("rename") && moment.text.contains(&format!("{}/autoload.php\")", case.place))
        });
        let place = tree.beside("").display().to_string();
        let matters = |moment: &Moment| is_change(moment) || moment.text.contains(&place);
        // A collection does not switch.
        let switched = switched.map_or(usize::MAX, |position| position + 1);
        let moments = moments.into_iter().enumerate().filter(|(_, moment)| matters(moment)).collect();
        let after = everything(&tree);
        assert!(after != before, "{:?} does something", case.words);
        let sides = begun(&tree);
        before.restore(&tree.beside(""));
        let begun = Instant::now();
        tree.run(case.words).well();
        let took = begun.elapsed();
        before.restore(&tree.beside(""));
        Self { case, tree, original, before, after, sides, moments, switched, took }
    }

    /// Tries faults, each from the state before. What is wrong afterwards.
    #[expect(clippy::print_stdout, reason = "with --nocapture a campaign tells what it tried")]
    fn bears(&self, faults: &[(usize, Fault)]) -> Vec<String> {
        let begun = Instant::now();
        let (next, struck) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let failed = Mutex::new(Vec::new());
        let threads = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    let tree = self.tree.copy();
                    while let Some(&(moment, fault)) = faults.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let (_, at) = &self.moments[moment];
                        match self.bears_one(&tree, moment, fault) {
                            Ok(hit) => drop(struck.fetch_add(usize::from(hit), Ordering::Relaxed)),
                            // One that fails says something about the others, too.
                            Err(wrong) => failed.lock().expect("a list").push(format!("{fault:?} at {at:?}:\n{wrong}")),
                        }
                        self.before.restore(&tree.beside(""));
                    }
                });
            }
        });
        let (struck, states, took) = (struck.into_inner(), self.sides.states(), begun.elapsed());
        let words = self.case.words.join(" ");
        println!("`{words}`: {struck} of {} faults struck, {states} states, {took:?}", faults.len());
        let failed = failed.into_inner().expect("a list");
        assert_eq!(struck, faults.len() - failed.len(), "each fault strikes: {failed:?}");
        failed
    }

    /// Tries one fault. Says whether it struck.
    fn bears_one(&self, tree: &Tree, moment: usize, fault: Fault) -> Result<bool, String> {
        let (position, at) = &self.moments[moment];
        // At a time it may be anywhere, and at its end.
        let mut done = matches!(fault, Fault::KillAt(_));
        let struck = match fault {
            Fault::KillAt(part) => {
                let words: Vec<&str> =
                    self.case.words.iter().map(|word| if *word == "1" { "8" } else { *word }).collect();
                let mut command = tree.command(&words);
                let mut running =
                    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().map_err(|error| error.to_string())?;
                thread::sleep(self.took * part / 1000);
                running.kill().and_then(|()| running.wait()).map_err(|error| error.to_string())?;
                true
            }
            Fault::Kill => tree.traced(self.case.words, &at.killing()).code == -9,
            Fault::Refuse(error, lasts) => {
                let said = tree.traced(self.case.words, &at.refusing(error, lasts));
                self.is_told(tree, *position, fault, &said).map_err(|wrong| format!("{wrong}\n{said:#?}"))?;
                // As when nothing but the cache is refused something.
                done = said.code == 0;
                tree.trace().contains("(INJECTED)")
            }
        };
        let there = everything(tree);
        let state = there.below(self.case.place).without(STAGING);
        self.outside(&there)?;
        let side = self.sides.of(&state)?;
        if side == Side::New && *position < self.switched && !done {
            return Err("the new side is served too early".to_owned());
        }
        let seconds = |snapshot: &Snapshot| snapshot.seconds(DISPATCHER);
        if side == Side::New && seconds(&state) <= seconds(&self.before.below(self.case.place)) {
            return Err("OPcache does not see that the dispatcher is another one".to_owned());
        }
        if self.sides.is_unseen(&state) {
            self.sides.ask(tree, self.case.place, side)?;
            self.other_verbs(tree, &state, side)?;
            there.restore(&tree.beside(""));
        }
        self.heals(tree)?;
        Ok(struck)
    }

    /// What a refusal of the system must have come to: a message, and no temporary files.
    fn is_told(&self, tree: &Tree, position: usize, fault: Fault, said: &Said) -> Result<(), String> {
        let Fault::Refuse(error, lasts) = fault else { return Ok(()) };
        let at = &self.moments.iter().find(|(there, _)| *there == position).expect("a moment").1;
        let there = everything(tree);
        let state = there.below(self.case.place);
        let removes = ["unlinkat", "unlink", "rmdir", "openat"].contains(&at.call.as_str());
        if state.0.contains_key(STAGING) && !removes {
            return Err("temporary files are left".to_owned());
        }
        // Nothing can be said where nothing can be written.
        let silent = at.is_of("write") && (lasts || at.text.starts_with("2,"));
        match said.code {
            0 if state.without(STAGING).without(MARK) == self.after.below(self.case.place) => Ok(()),
            0 => Err("success without".to_owned()),
            // The list of wikis is another matter than the tree.
            5 if !at.text.contains("/wikis.yml") => Err("exit code 5".to_owned()),
            1 | 5 => {
                let text = ERRORS.iter().find(|(name, _)| *name == error).expect("an error").1;
                let path = tree.beside("").display().to_string();
                let path = path.trim_end_matches('/');
                // What is in the tree is named as seen from there.
                let relative = at.text.split_once("/tree/").and_then(|(_, rest)| rest.split_once('"'));
                let result = at.is_of("write") && at.text.starts_with("1,");
                let named = said.err.contains(path)
                    || relative.is_some_and(|(file, _)| said.err.contains(&format!("`{file}`")))
                    || result;
                if (said.err.contains(text) && named) || silent {
                    Ok(())
                } else {
                    Err(format!("no word of `{text}` and a path"))
                }
            }
            code => Err(format!("exit code {code}")),
        }
    }

    /// Nothing but the published directory and the cache is changed.
    fn outside(&self, there: &Snapshot) -> Result<(), String> {
        let rest = |all: &Snapshot| all.without(self.case.place).without("cache");
        let differences = rest(there).differences(&rest(&self.before));
        if differences.is_empty() { Ok(()) } else { Err(format!("changed outside: {differences:?}")) }
    }

    /// What other verbs make of a state.
    fn other_verbs(&self, tree: &Tree, state: &Snapshot, side: Side) -> Result<(), String> {
        // `--output`, and what else is said to a build.
        let options: Vec<&str> = self.case.words.iter().skip_while(|word| **word != "1").skip(1).copied().collect();
        let output: Vec<&str> = options.iter().skip_while(|word| **word != "--output").copied().collect();
        let run = |words: &[&str]| tree.mwfarm(&[words, &options].concat());
        let output = |words: &[&str]| tree.mwfarm(&[words, &output].concat());
        let check = |right: bool, what: &str, said: &Said| {
            if right { Ok(()) } else { Err(format!("{what}: {said:#?}")) }
        };
        let planned = run(&["plan", "--format", "json"]);
        check(planned.code == 0, "plan", &planned)?;
        let locked = run(&["build", "--locked"]);
        // After a rollback it is what was there before that a build would make.
        let wanted = if self.case.words[0] == "rollback" { &self.before } else { &self.after };
        let current = is_as_listed(state) == Some(true) && state.without(MARK) == wanted.below(self.case.place);
        // Before and after a collection the same is published; a build would put one that was killed in order.
        let either = self.switched == usize::MAX && [0, 6].contains(&locked.code);
        check(either || locked.code == if current { 0 } else { 6 }, "build --locked", &locked)?;
        let verified = output(&["verify"]);
        let listed = is_as_listed(state);
        check((verified.code == 0) == (listed == Some(true)), "verify", &verified)?;
        let collected = output(&["gc", "--grace", "0", "--keep", "2"]);
        check((collected.code == 0) == listed.is_some(), "gc", &collected)?;
        self.sides.ask(tree, self.case.place, side).map_err(|wrong| format!("after gc: {wrong}"))?;
        let there = everything(tree).below(self.case.place);
        check(self.sides.of(&there) == Ok(side), "gc left what is not sound", &collected)?;
        let verified = output(&["verify"]);
        check((verified.code == 0) == (listed == Some(true)), "verify after gc", &verified)?;

        let ejected = output(&["eject"]);
        check((ejected.code == 0) == listed.is_some(), "eject", &ejected)?;
        let left = everything(tree).below(self.case.place);
        let expected = if ejected.code == 0 { state.ejected(&self.original) } else { state.clone() };
        let differences = left.differences(&expected);
        check(differences.is_empty(), &format!("eject left {differences:?}"), &ejected)
    }

    /// The same once more, with nothing in its way.
    fn heals(&self, tree: &Tree) -> Result<(), String> {
        let said = tree.run(self.case.words);
        let there = everything(tree);
        self.outside(&there)?;
        let differences = there.below(self.case.place).differences(&self.after.below(self.case.place));
        let done = self.case.done.is_some_and(|done| said.code > 0 && said.err.contains(done));
        if (said.code != 0 && !done) || !differences.is_empty() {
            return Err(format!("once more: {differences:?} differ; {said:#?}"));
        }
        Ok(())
    }
}

/// Whether a call changes something, or locks.
fn is_change(moment: &Moment) -> bool {
    moment.is_change() || moment.is_of("flock")
}

/// Everything beside the tree and in it.
fn everything(tree: &Tree) -> Snapshot {
    Snapshot::of(&tree.beside("")).without("trace")
}

/// A tree in the second state, built in the first.
pub(super) fn built(tree: &Tree) {
    tree.mwfarm(&["build"]).well();
    tree.enter(State::Second);
}

/// A tree that was built in the first state and in the second; the name of the first generation is noted.
pub(super) fn twice(tree: &Tree) {
    built(tree);
    let manifest = fs::read(tree.vendor().join(MANIFEST)).expect("a manifest");
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).expect("JSON");
    fs::write(tree.beside("generation"), manifest["generation"].as_str().expect("a name")).expect("a file");
    tree.mwfarm(&["build"]).well();
}

/// A tree that was built three times.
pub(super) fn thrice(tree: &Tree) {
    twice(tree);
    tree.write("extensions/Extension1/src/Third.php", "<?php\nnamespace Farm\\Extension1;\nclass Third {}\n");
    tree.mwfarm(&["build"]).well();
}

/// The same, after which somebody has put Composer's own loader back, and nothing else.
pub(super) fn dumped(tree: &Tree) {
    let loader = fs::read(tree.vendor().join(DISPATCHER)).expect("Composer's loader");
    built(tree);
    fs::write(tree.vendor().join(DISPATCHER), loader).expect("a loader");
}

/// A tree in the second state, built in the first, with links: one is not wanted any more, another one is.
pub(super) fn linked(tree: &Tree) {
    tree.install_all_but(1);
    tree.mwfarm(&["build", "--mediawikifarm"]).well();
    tree.enter(State::Second);
    tree.install_all_but(2);
}

/// Another tree beside with the same extensions, and no vendor directory.
pub(super) fn beside(tree: &Tree) {
    fs::create_dir(tree.beside("other")).expect("a directory");
    symlink("../tree/extensions", tree.beside("other/extensions")).expect("a link");
}

/// A tree in the second state, built in the first, for another tree.
pub(super) fn copied(tree: &Tree) {
    beside(tree);
    tree.mwfarm(&["build", "--output", "@/other/vendor"]).well();
    tree.enter(State::Second);
}

/// A tree that was built in the first state, is in the second, and has beside it what a build would publish.
pub(super) fn prepared(tree: &Tree) {
    built(tree);
    let before = Snapshot::of(&tree.vendor());
    tree.mwfarm(&["build"]).well();
    Snapshot::of(&tree.vendor()).restore(&tree.beside("next"));
    before.restore(&tree.vendor());
}
