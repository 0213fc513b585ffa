//! Word of a commit in a wiki's configuration, from a user who may do nothing else on this machine.
//!
//! The home of a wiki belongs to root and the wiki's group (3770), so that the hook of the configuration's repository,
//! which runs as whoever committed, can touch one file in it: [`home::notification`]. It says nothing, and nothing is read
//! from it. The worker looks for it, queues a look at the wiki, and removes it: what is told while no worker runs is still
//! there when one does.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use super::super::home;
use super::super::layout::Layout;
use super::super::name::Name;
use super::super::queue::{self, Entry};
use crate::disk;
use crate::report::Reporter;

/// How long nobody listens to a wiki after it was heard: its word costs it nothing, and us a look at the repository. What
/// it says meanwhile is heard afterwards.
const HEARD: Duration = Duration::from_secs(10);

/// The same after that has failed, so that it is not told four times a second.
const DEAF: Duration = Duration::from_secs(60);

/// Says that there is a commit.
///
/// # Errors
/// Those of the system: the directory is made with the wiki.
pub fn tell(layout: &Layout, name: &Name) -> io::Result<()> {
    disk::touch(&home::notification(layout, name))
}

/// The wikis of whose commits somebody said so, with who that is by number.
///
/// # Errors
/// Those of the system.
pub fn told(layout: &Layout) -> io::Result<Vec<(Name, u32)>> {
    use std::os::unix::fs::MetadataExt;
    let mut told = Vec::new();
    for home in disk::names(&layout.homes())? {
        let Ok(name) = Name::new(&home) else { continue };
        // Directories cannot be removed without walking through what belongs to others: they are passed over, as is a home
        // that cannot be looked into, which must not keep the others' word back.
        let found = disk::look(&home::notification(layout, &name)).ok().flatten();
        if let Some(found) = found.filter(|found| !found.is_dir()) {
            told.push((name, found.uid()));
        }
    }
    Ok(told)
}

/// Forgets that somebody said so. What is committed from now on is told again, so this comes before the repository is
/// looked at.
///
/// # Errors
/// Those of the system.
pub fn forget(layout: &Layout, name: &Name) -> io::Result<()> {
    // The home belongs to root: nothing but the name itself can be a link, which is not followed.
    disk::discard(&home::notification(layout, name))
}

/// Adds to the queue what the wikis' own users told. Who was heard just now, or cannot be stopped from telling, is not
/// heard until the time that is noted.
pub(super) fn listen(layout: &Layout, deaf: &mut BTreeMap<Name, Instant>, reporter: &dyn Reporter) {
    let now = Instant::now();
    deaf.retain(|_, until| now < *until);
    let told = told(layout).unwrap_or_else(|error| {
        reporter.warning(&format!("cannot look for the wikis' commits: {error}"));
        Vec::new()
    });
    for (name, uid) in told {
        if deaf.contains_key(&name) {
            continue;
        }
        // The entry first: a death in between tells twice. The queue is not looked at before this is over, so that the
        // repository is, after what it is told next is heard again.
        let entry = Entry::of_config(&name, &format!("uid {uid}"));
        if let Err(error) = queue::add(layout, &entry).and_then(|()| forget(layout, &name)) {
            reporter.warning(&format!("cannot follow the commits of `{name}`: {error}"));
            deaf.insert(name, now + DEAF);
        } else {
            deaf.insert(name, now + HEARD);
        }
    }
}
