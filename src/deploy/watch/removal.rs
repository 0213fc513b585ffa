//! Files of releases that were taken away, which the worker removes when there are some: deploys need not wait for it.

use std::sync::{Mutex, PoisonError};

use super::super::layout::Layout;
use super::super::{lock, releases};
use super::{Outcome, Stop};

/// What the worker has as long as it removes them for all. Another command may be at it when the worker starts: then it is
/// taken with a later removal.
#[derive(Debug, Default)]
pub(super) struct Removal(Mutex<Option<lock::Held>>);

impl Removal {
    /// Takes what other commands look at: they leave all removal to us.
    pub(super) fn begin(&self, layout: &Layout) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_none() {
            // Who has it removes them meanwhile; and two at it disturb each other as little as two deploys.
            *held = lock::removing(layout).ok();
        }
    }

    /// Whether there is something to remove.
    pub(super) fn is_due(layout: &Layout) -> bool {
        releases::removed(layout).is_ok_and(|removed| !removed.is_empty())
    }

    /// Removes what is there, until it is asked to stop: the rest stays for the next worker.
    pub(super) fn run(&self, layout: &Layout, stop: &Stop) -> Outcome {
        self.begin(layout);
        match releases::empty(layout, &|| stop.is_asked()) {
            Ok(()) => Outcome::Unchanged,
            Err(problem) => Outcome::Later(problem),
        }
    }
}
