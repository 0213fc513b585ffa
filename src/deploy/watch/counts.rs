//! What came of all deploys, for `/metrics`: `watch.json` in the farm's state. The worker writes it, `serve` reads it,
//! which has no other way to know.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::super::layout::Layout;
use super::Outcome;
use crate::disk;

/// Its name.
const FILE: &str = "watch.json";

/// How often each of them came, since the file was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// [`Outcome::Deployed`].
    pub deployed: u64,
    /// [`Outcome::Unchanged`].
    pub unchanged: u64,
    /// [`Outcome::Left`].
    pub left: u64,
    /// [`Outcome::Failed`].
    pub failed: u64,
    /// [`Outcome::Later`].
    pub later: u64,
}

impl Counts {
    /// Those of the file; zeros when it cannot be read, from which a counter may begin at any time.
    pub(super) fn read(layout: &Layout) -> Self {
        let text = disk::read_optional(&path(layout)).ok().flatten().unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    pub(super) fn write(&self, layout: &Layout) -> std::io::Result<()> {
        disk::replace(&path(layout), &serde_json::to_vec(self)?, 0o644)
    }

    /// Removes what deaths left of it, and of the time of the last cleaning, which a worker notes as well. The queue's lock
    /// has to be held, and nothing may be cleaned meanwhile.
    ///
    /// # Errors
    /// Those of the system.
    pub(in crate::deploy) fn tidy(layout: &Layout) -> std::io::Result<()> {
        let mut left = disk::left(&layout.state())?;
        let cleaned = layout.cleaned();
        left.retain(|(_, name)| name == FILE || cleaned.file_name().is_some_and(|cleaned| cleaned == name.as_str()));
        left.iter().try_for_each(|(path, _)| disk::discard(path))
    }

    pub(super) fn add(&mut self, outcome: &Outcome) {
        *match outcome {
            Outcome::Deployed(_) => &mut self.deployed,
            Outcome::Unchanged => &mut self.unchanged,
            Outcome::Left(_) => &mut self.left,
            Outcome::Failed(_) => &mut self.failed,
            Outcome::Later(_) => &mut self.later,
        } += 1;
    }

    /// Each with its word.
    pub(super) fn named(&self) -> [(&'static str, u64); 5] {
        [
            ("deployed", self.deployed),
            ("unchanged", self.unchanged),
            ("left", self.left),
            ("failed", self.failed),
            ("later", self.later),
        ]
    }
}

fn path(layout: &Layout) -> PathBuf {
    layout.state().join(FILE)
}
