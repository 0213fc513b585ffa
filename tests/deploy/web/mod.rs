//! What serves the wikis, with the daemons themselves.

pub(in crate::deploy) mod daemons;
mod generated;
mod health;
mod isolation;
mod published;
mod served;
mod settings;
mod switched;
