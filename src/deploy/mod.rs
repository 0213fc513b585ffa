//! `deploy`: git branches → running wikis.
//!
//! ```text
//! a push ─ watch ─ queue ─┐
//! mwfarm deploy ──────────┴→ fetch → scan → assemble → schema → try → switch → verify
//! mwfarm wiki create ──────→ user → branch → secrets → home → database → cache → code ─┘ → route
//! ```
//!
//! * [`name`], [`options`], [`layout`], [`release`], [`record`] are the nouns; [`registry`] and [`journal`] keep them.
//! * [`create`], [`attempt`], [`retire`] and [`reconcile`] are the verbs, each a sequence of steps that can be repeated;
//!   [`recover`] ends what a killed one left.
//! * [`agent`] is what happens on an app server, by [`order`].
//! * The other modules each look after one thing that a wiki has.

pub mod name;
pub mod options;

pub mod layout;
pub mod release;

pub mod record;
pub mod registry;

pub mod journal;
pub mod lock;

pub mod git;

mod bare;
pub mod event;
pub mod health;
mod objects;
pub mod queue;
pub mod watch;
pub mod web;

pub mod config_repository;
pub mod repository;

pub mod cache;
pub mod database;
pub mod export;
pub mod home;
pub mod lint;
pub mod list;
pub mod secrets;
pub mod tree;
pub mod users;

pub mod engine;
pub mod order;
pub mod outdated;
mod system;

pub mod attempt;
pub mod create;
pub mod ready;
pub mod reconcile;
pub mod recover;
pub mod retire;
pub mod status;

pub mod agent;
pub mod assemble;
pub mod maintenance;
pub mod releases;
pub mod schema;
pub mod settings;
