//! Word of a commit in a wiki's configuration, from a user who may do nothing else on this machine.
//!
//! The home of a wiki belongs to root and the wiki's group (3770), so that the hook of the configuration's repository,
//! which runs as whoever committed, can touch one file in it: [`FILE`], see [`super::super::home::notification`]. It says
//! nothing, and nothing is read from it; other names there are not looked at. The worker looks for it, and removes it.

use std::io;
use std::path::PathBuf;

use super::super::layout::Layout;
use super::super::name::Name;
use crate::disk;

/// The file that the hook touches.
pub const FILE: &str = "config.committed";

/// The directory in which a wiki's hook may touch a file.
#[must_use]
pub fn directory(layout: &Layout, name: &Name) -> PathBuf {
    layout.home(name)
}

/// Says that there is a commit.
///
/// # Errors
/// Those of the system: the directory is made with the wiki.
pub fn tell(layout: &Layout, name: &Name) -> io::Result<()> {
    disk::touch(&directory(layout, name).join(FILE))
}

/// The wikis of whose commits somebody said so, with who that is by number.
///
/// # Errors
/// Those of the system.
pub fn told(layout: &Layout) -> io::Result<Vec<(Name, u32)>> {
    use std::os::unix::fs::MetadataExt;
    let mut told = Vec::new();
    for directory in disk::names(&layout.root().join("data/project"))? {
        let Ok(name) = Name::new(&directory) else { continue };
        // Directories there cannot be removed without walking through what belongs to others: they are passed over.
        if let Some(found) = disk::look(&self::directory(layout, &name).join(FILE))?.filter(|found| !found.is_dir()) {
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
    // The directories above belong to root: nothing but the name itself can be a link, which is not followed.
    disk::discard(&directory(layout, name).join(FILE))
}
