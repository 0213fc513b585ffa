//! Flags of what is done with generations that are published already.

use std::path::PathBuf;

use clap::Args;

use super::{ConfigDir, Format};
use crate::build::gc::Keep;
use crate::fastcgi::Address;

/// `mwfarm gc`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(after_help = "Example, each night:\n  mwfarm gc -d /srv/mediawiki --quiet")]
pub struct Gc {
    /// The farm's configuration: collect in each of its trees, and the settings files that none of them uses.
    #[command(flatten)]
    pub config: ConfigDir,
    /// Collect in the vendor tree in DIR instead of the tree's own
    #[arg(long, value_name = "DIR", conflicts_with = "config_dir")]
    pub output: Option<PathBuf>,
    /// Keep the N latest generations whatever their age: what is served, and what `rollback` goes to; after a rollback
    /// N - 1 of those that it has left, too [default: 2]
    #[arg(long, value_name = "N", value_parser = generations)]
    pub keep: Option<usize>,
    /// Keep a generation for TIME after another has taken its place: 0, or a number with m, h, d or w. Shorter than the
    /// longest request, it breaks requests [default: 15m]
    #[arg(long, value_name = "TIME", value_parser = grace)]
    pub grace: Option<u64>,
    /// Print what would be removed and remove nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Fail at once when a build is running, instead of waiting for it
    #[arg(long)]
    pub no_wait: bool,
    /// How to print the result
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

impl Gc {
    /// How much is kept.
    #[must_use]
    pub fn kept(&self) -> Keep {
        let default = Keep::default();
        Keep { generations: self.keep.unwrap_or(default.generations), grace: self.grace.unwrap_or(default.grace) }
    }
}

/// `mwfarm rollback`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(after_help = "Examples:\n  mwfarm rollback -d /srv/mediawiki --dry-run\n  \
                        mwfarm rollback -d /srv/mediawiki --to efd48e09 --invalidate unix:/run/php/php-fpm.sock")]
pub struct Rollback {
    /// Go back in the vendor tree in DIR instead of the tree's own
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Serve this generation, named by its first digits, instead of the one before
    #[arg(long, value_name = "GENERATION", conflicts_with = "list")]
    pub to: Option<String>,
    /// List the generations that are there and change nothing
    #[arg(long, conflicts_with_all = ["dry_run", "invalidate"])]
    pub list: bool,
    /// Print which wikis would change and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Fail at once when a build is running, instead of waiting for it
    #[arg(long)]
    pub no_wait: bool,
    /// Tell a PHP-FPM pool: unix:PATH or tcp:HOST:PORT; may be given several times
    #[arg(long, value_name = "POOL")]
    pub invalidate: Vec<Address>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

/// A number of generations.
fn generations(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(number @ Keep::FEWEST..=1000) => Ok(number),
        _ => Err(format!("expected a number from {} to 1000", Keep::FEWEST)),
    }
}

/// A time, in seconds.
fn grace(text: &str) -> Result<u64, String> {
    if text == "0" { Ok(0) } else { super::deploy::time(text).map_err(|error| format!("{error}; or 0")) }
}
