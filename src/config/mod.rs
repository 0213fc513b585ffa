//! `config`: the files that say which wikis the farm has and how each is configured.
//!
//! ```text
//! farms.yml ─ read ─ farms (which wikis) ─┐
//! settings files ─ read ─ settings (planes) ─ model ─ plan ─ write ─→ settings/<wikiID>_<H>.php, farm.php, www/
//! trees of MediaWiki ─────────────────────┘
//! ```

pub mod wikis;

pub mod value;

mod threads;

pub mod finding;
pub mod options;
pub mod read;

pub mod extensions;
pub mod tree;

pub mod farms;
pub mod settings;

pub mod configuration;

pub mod model;
pub mod slips;

pub mod compile;
pub mod local_settings;
pub mod plan;
pub mod published;
pub mod settings_file;

pub mod entry;
pub mod write;

pub mod gc;

/// The name that differs in the fewest letters, if it is close.
#[must_use]
pub fn near<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    if name.len() > 63 {
        return None;
    }
    let most = if name.len() < 4 { 1 } else { 2 };
    let near = names.map(|other| (strsim::damerau_levenshtein(name, other), other)).min();
    near.filter(|(distance, _)| *distance <= most).map(|(_, other)| other)
}
