//! Deploying: from a branch to a running wiki.

mod web;
mod watch;
mod git;
mod stores;
