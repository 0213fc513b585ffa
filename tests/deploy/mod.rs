//! Deploying: from a branch to a running wiki.

mod farm;
mod git;
mod stores;
mod watch;
mod web;
