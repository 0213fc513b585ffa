//! `mwfarm` runs a farm of MediaWiki wikis from one code tree, each wiki with just the Composer packages that
//! its own extensions need.

#![cfg_attr(not(test), deny(clippy::unwrap_used))]

pub mod farm;

pub mod build;
pub mod config;

pub mod key;
