//! What a table of trees is made of, and the look at each.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::php;
use super::yard::{CANARY, Listing, Ran, SECRET, Yard};

/// What becomes of a tree.
pub(super) enum Verdict {
    Refused(i32, Vec<&'static str>),
    Built(Vec<&'static str>),
    Mapped(Vec<(&'static str, Option<&'static str>)>),
}

use Verdict::{Built, Mapped, Refused};

impl Verdict {
    /// Refused with this exit code; the message holds all of these: the file, and the field or what else tells the
    /// place.
    pub(super) fn refused(code: i32, says: &[&'static str]) -> Self {
        Refused(code, says.to_vec())
    }

    /// Built; the message holds all of these.
    pub(super) fn built(says: &[&'static str]) -> Self {
        Built(says.to_vec())
    }

    /// Built; of these classes the sets map those with a file, and do not map those without.
    pub(super) fn mapped(classes: &[(&'static str, Option<&'static str>)]) -> Self {
        Mapped(classes.to_vec())
    }
}

/// A tree and what becomes of it.
pub(super) struct Case {
    name: &'static str,
    make: Box<dyn Fn(&Yard)>,
    verdict: Verdict,
}

/// A tree that a function makes of the good one.
pub(super) fn case(name: &'static str, make: impl Fn(&Yard) + 'static, verdict: Verdict) -> Case {
    Case { name, make: Box::new(make), verdict }
}

/// Where a build writes; all else is none of its business.
const WRITTEN: &str = "tree/vendor";

/// Where it keeps what its scans have found.
const CACHE: &str = "cache";

/// Looks at all cases of a table, each in a farm of its own that has a generation published, and lets `doctor` look.
#[track_caller]
pub(super) fn check(cases: &[Case], doctor: bool) {
    let mut wrong = Vec::new();
    for case in cases {
        let yard = Yard::new();
        (case.make)(&yard);
        let surroundings = yard.listing(".", &[WRITTEN, CACHE]);
        let before = published(&yard);
        let ran = yard.build();
        let mut say = |what: String| wrong.push(format!("{}: {what}\n{}", case.name, shortened(&ran.err)));
        if yard.listing(".", &[WRITTEN, CACHE]) != surroundings {
            say("something else has changed".to_owned());
        }
        for fault in faults(&ran) {
            say(fault);
        }
        match &case.verdict {
            Refused(code, texts) => {
                if ran.code != Some(*code) || !ran.err.starts_with("error: ") && !ran.err.contains("\nerror: ") {
                    say(format!("exit {:?} instead of {code}", ran.code));
                }
                missing(&ran, texts).for_each(&mut say);
                let after = published(&yard);
                if after != before {
                    let differs = |path: &&PathBuf| after.get(*path) != before.get(*path);
                    let differs: BTreeSet<_> = after.keys().chain(before.keys()).filter(differs).collect();
                    say(format!("what is published has changed: {differs:?}"));
                }
            }
            Built(texts) => {
                if ran.code != Some(0) {
                    say(format!("exit {:?}", ran.code));
                }
                missing(&ran, texts).for_each(&mut say);
                php::unsound(&yard).into_iter().for_each(&mut say);
            }
            Mapped(classes) => {
                if ran.code == Some(0) {
                    php::unsound(&yard).into_iter().for_each(&mut say);
                    php::unmapped(&yard, classes).into_iter().for_each(&mut say);
                } else {
                    say(format!("exit {:?}", ran.code));
                }
            }
        }
        if doctor {
            // It gets as far as it gets, and changes nothing.
            let before = yard.listing(".", &[CACHE]);
            let examined = yard.mwfarm(&["doctor"]);
            for fault in faults(&examined) {
                say(format!("doctor: {fault}: {}", shortened(&examined.err)));
            }
            if yard.listing(".", &[CACHE]) != before {
                say("doctor has changed something".to_owned());
            }
        }
        if yard.listing(".", &[]).keys().any(|path| path.file_name().is_some_and(|name| name == CANARY)) {
            say("something of the tree was executed".to_owned());
        }
    }
    assert!(wrong.is_empty(), "{} faults in {} trees\n\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// What no run may do, whatever the tree.
pub(super) fn faults(ran: &Ran) -> Vec<String> {
    let mut faults = Vec::new();
    if ran.code.is_none_or(|code| code > 6) {
        faults.push(format!("ended with {:?}", ran.code));
    }
    let hidden = |c: char| {
        c != '\n' && c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    for text in [&ran.out, &ran.err] {
        if text.chars().any(hidden) {
            faults.push("what is printed is not escaped".to_owned());
        }
        if text.to_lowercase().contains(SECRET) {
            faults.push("a secret is printed".to_owned());
        }
        if text.len() > 1 << 16 {
            faults.push(format!("{} bytes are printed", text.len()));
        }
    }
    faults
}

/// What is in vendor/, which itself is younger when something was staged in it and taken out again.
fn published(yard: &Yard) -> Listing {
    let mut listing = yard.listing(WRITTEN, &[]);
    if let Some((.., times, _)) = listing.get_mut(Path::new(WRITTEN)) {
        *times = (0, 0);
    }
    listing
}

fn missing<'r>(ran: &'r Ran, texts: &'r [&'r str]) -> impl Iterator<Item = String> + 'r {
    texts.iter().filter(|text| !ran.err.contains(**text)).map(|text| format!("does not say `{text}`"))
}

fn shortened(text: &str) -> String {
    let shown: String = text.chars().take(600).collect();
    if shown.len() < text.len() { format!("{shown}…") } else { shown }
}
