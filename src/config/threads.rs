//! Many wikis at once: what is made of one has nothing to do with the others. Alone names rayon in `config`.

use rayon::prelude::*;

/// So many wikis at least are one thread's at a time: they share what it keeps.
const FEW: usize = 16;

/// What is made of each item, in order. `kept` is what a thread keeps from one to the next.
pub(super) fn map<T: Sync, K, R: Send>(
    items: &[T],
    kept: impl Fn() -> K + Sync + Send,
    make: impl Fn(&mut K, &T) -> R + Sync + Send,
) -> Vec<R> {
    items.par_iter().with_min_len(FEW).map_init(kept, make).collect()
}
