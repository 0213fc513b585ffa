//! Commands about the farm's configuration and its wikis.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Format;
use crate::fastcgi::Address;

/// Where a farm's configuration is when nothing else is said.
pub const DEFAULT: &str = "/etc/mediawiki";

/// Where `farms.yml` is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
pub struct ConfigDir {
    /// The directory of farms.yml and the files that it names [default: /etc/mediawiki]
    #[arg(long, value_name = "DIR")]
    pub config_dir: Option<PathBuf>,
}

/// `mwfarm config`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(subcommand_required = true, arg_required_else_help = true, disable_help_subcommand = true)]
pub struct Config {
    /// What to do with it.
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// What to do with the farm's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum ConfigCommand {
    /// Say everything that is wrong or odd, each with file and line
    Check(Check),
    /// Compile the settings of every wiki and publish them, as `mwfarm build` does
    Compile(Compile),
    /// Show a wiki's settings
    Show(Show),
    /// Show where a setting of a wiki comes from: each level's value, which won, and why
    Explain(Explain),
    /// Show which wikis change, and how, against what is published or another configuration
    Diff(Diff),
}

/// `mwfarm config check`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(after_help = "Example:\n  mwfarm config check --config-dir ~/farm-config")]
pub struct Check {
    /// The configuration.
    #[command(flatten)]
    pub config: ConfigDir,
    /// Say also which settings have other values with the extension MediaWikiFarm, which reads the same files
    #[arg(long)]
    pub mediawikifarm: bool,
    /// How to print what was found
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

/// `mwfarm config compile`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(after_help = "Example:\n  mwfarm config compile --invalidate unix:/run/php/php-fpm.sock")]
pub struct Compile {
    /// The configuration.
    #[command(flatten)]
    pub config: ConfigDir,
    /// Print the plan and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Fail at once when another build is running, instead of waiting for it
    #[arg(long)]
    pub no_wait: bool,
    /// Tell a PHP-FPM pool when all is published: unix:PATH or tcp:HOST:PORT; may be given several times
    #[arg(long, value_name = "POOL")]
    pub invalidate: Vec<Address>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

impl From<Compile> for super::Build {
    /// What it is short for.
    fn from(compile: Compile) -> Self {
        Self {
            inputs: super::Inputs {
                config: ConfigDir { config_dir: Some(compile.config.config_dir.unwrap_or_else(|| DEFAULT.into())) },
                ..super::Inputs::default()
            },
            dry_run: compile.dry_run,
            locked: false,
            no_wait: compile.no_wait,
            invalidate: compile.invalidate,
            format: compile.format,
        }
    }
}

/// `mwfarm config show`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "Example:\n  mwfarm config show --wiki frwiki --format json | jq .wgSitename")]
pub struct Show {
    /// The wiki: its wikiID or host
    #[arg(long, value_name = "WIKI")]
    pub wiki: String,
    /// The configuration.
    #[command(flatten)]
    pub config: ConfigDir,
    /// The language of the settings
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: ShowFormat,
}

/// The language of settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ShowFormat {
    /// The file that LocalSettings.php includes
    #[default]
    Php,
    /// Names with values
    Json,
    /// The same
    Yaml,
}

/// `mwfarm config explain`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "Example:\n  mwfarm config explain wgGroupPermissions --wiki frwiki")]
pub struct Explain {
    /// The setting, such as wgSitename
    pub setting: String,
    /// The wiki: its wikiID or host
    #[arg(long, value_name = "WIKI")]
    pub wiki: String,
    /// The configuration.
    #[command(flatten)]
    pub config: ConfigDir,
    /// How to print the answer
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

/// `mwfarm config diff`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(
    after_help = "Examples:\n  mwfarm config diff\n  mwfarm config diff --from /etc/mediawiki --config-dir ~/new"
)]
pub struct Diff {
    /// Compare with the configuration in DIR, instead of with what is published
    #[arg(long, value_name = "DIR")]
    pub from: Option<PathBuf>,
    /// The configuration.
    #[command(flatten)]
    pub config: ConfigDir,
    /// How to print the differences
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

/// `mwfarm wikis`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(after_help = "Example:\n  mwfarm wikis --format csv > wikis.csv")]
pub struct Wikis {
    /// The configuration.
    #[command(flatten)]
    pub config: ConfigDir,
    /// How to print the list
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: ListFormat,
}

/// How a list is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ListFormat {
    /// For people
    #[default]
    Text,
    /// For programs, with a version of its own
    Json,
    /// For spreadsheets
    Csv,
}

/// `mwfarm run`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "Examples:\n  mwfarm run showSiteStats --wiki frwiki\n  \
                        mwfarm run createAndPromote --wiki fr.example.org -- --bureaucrat Admin secret\n  \
                        mwfarm run update --wiki frwiki -- --quick\n  mwfarm run update --all -j 4\n\n\
                        Exit codes: the script's own; 4 wrong usage or unknown wiki, 5 error in the farm's files.")]
pub struct Run {
    /// A maintenance script: showJobs or maintenance/showJobs.php, or another PHP file relative to MediaWiki's directory
    pub script: String,
    /// The wiki: its wikiID or host
    #[arg(long, value_name = "WIKI", required_unless_present = "all")]
    pub wiki: Option<String>,
    /// Run `update` for all wikis that need it, several at once (-j), and go on when one fails
    #[arg(long, conflicts_with = "wiki")]
    pub all: bool,
    /// The configuration.
    #[command(flatten)]
    pub config: ConfigDir,
    /// The script's arguments; those that begin with - stand behind --
    #[arg(value_name = "ARGS")]
    pub arguments: Vec<OsString>,
}
