//! `deploy`: git branches → running wikis.
//!
//! ```text
//! a push ─ watch ─ queue ─┐
//! mwfarm deploy ──────────┴→ fetch → scan → build → schema → check → switch → verify
//! mwfarm wiki create ──────→ user → secrets → branch → home → database → cache ─┘ → site → route
//! ```

pub mod name;
pub mod options;

pub mod layout;
pub mod release;

pub mod record;
pub mod registry;

pub mod journal;
pub mod lock;

pub mod git;

pub mod health;
pub mod web;
pub mod event;
pub mod queue;
pub mod watch;
mod objects;

pub mod config_repository;
pub mod repository;

pub mod export;
pub mod lint;
pub mod tree;
pub mod cache;
pub mod database;
pub mod home;
pub mod secrets;
pub mod users;

mod system;
