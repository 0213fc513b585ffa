//! What serves the wikis, with the daemons themselves.

mod daemons;
mod health;
mod isolation;
mod published;
mod served;
mod settings;
mod switched;
