//! What goes on while something else is tested.

use std::sync::atomic::{AtomicBool, Ordering};

/// Says at its end, also when the test fails, that what goes on meanwhile has to end. Without that, a scope would wait for
/// its threads, and the test come to no end.
pub(crate) struct End<'a>(pub(crate) &'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
