//! What serves the wikis, with the daemons themselves.

mod daemons;
mod served;
