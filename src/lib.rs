//! `mwfarm` runs a farm of MediaWiki wikis from one code tree, each wiki with just the Composer packages that
//! its own extensions need.
//!
//! ```text
//! a tree as Composer left it ─┐
//! extension.json, skin.json  ─┼ read → check → graph → scan → link → plan → write ─→ vendor/composer<KEY>/
//! wikis.yml, or farms.yml    ─┐                                                       vendor/bundle_<H>.php
//!                             │                                                       vendor/autoload.php
//! the settings files it names ┘ read → farms → planes → compile → plan → write ───────→ settings/<wikiID>_<H>.php
//! ```
//!
//! * [`cli`] says what was asked, [`run`] does it, [`report`] alone prints.
//! * [`farm`] holds the nouns every verb shares.
//! * [`config`] reads which wikis there are, and compiles their settings.
//! * [`build`] makes sets, bundles and the dispatcher; its modules stand in the order in which data flows.
//! * [`disk`] alone writes files, [`php`] alone quotes PHP, [`key`] names content, [`fastcgi`] alone opens sockets,
//!   [`process`] alone starts programs. [`table`] makes PHP that says which wiki answers where.
//!
//! **Invariants**, kept by `tests/architecture`: modules that decide never look at disk, environment or clock; verbs
//! do not know each other; `build` starts no process, opens no connection, runs nothing of the tree, and writes below
//! one vendor directory and into its cache only; the same input gives the same bytes, whatever the threads, the order
//! of directories, the locale, the umask, the clock and the path.

#![cfg_attr(not(test), deny(clippy::unwrap_used))]

pub mod cli;
mod run;

pub mod farm;

pub mod build;
pub mod config;
pub mod deploy;

pub mod report;

pub mod disk;
pub mod fastcgi;
pub mod key;
pub mod php;
pub mod process;
pub mod table;

pub use run::run;
