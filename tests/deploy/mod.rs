//! Deploying: from a branch to a running wiki.

mod farm;
mod git;
mod mediawiki;
mod servers;
mod stores;
mod watch;
mod web;
