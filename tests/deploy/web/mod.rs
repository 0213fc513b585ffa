//! What serves the wikis, with the daemons themselves.

mod daemons;
mod isolation;
mod published;
mod served;
mod switched;
