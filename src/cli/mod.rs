//! The command line as plain data. Looks at nothing but `argv`: what the flags mean for a tree, a terminal or the
//! environment is decided by whoever takes them.
//!
//! Flags have Composer's names where Composer has them.

pub mod deploy;
mod farm;
mod generations;

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{ArgAction, Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::fastcgi::Address;
use crate::report::{Settings, Verbosity};
pub use farm::DEFAULT as CONFIG_DIR;
pub use farm::{
    Check, Compile, Config, ConfigCommand, ConfigDir, Diff, Explain, ListFormat, Run, Show, ShowFormat, Wikis,
};

pub use generations::{Gc, Rollback};

/// Everything that `argv` says.
#[derive(Debug, Clone, PartialEq, Eq, Parser)]
#[command(
    name = "mwfarm",
    version,
    about = "Runs a farm of MediaWiki wikis from one code tree",
    long_about = "Runs a farm of MediaWiki wikis from one code tree: each wiki loads just the Composer packages that \
                  its own extensions and skins need.",
    after_help = "Exit codes: 0 done, 1 failed, 2 the extensions cannot be installed together, 4 wrong usage,\n\
                  5 error in the farm's files, 6 out of date, 70 a bug in mwfarm.",
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub struct Arguments {
    /// The flags of all commands.
    #[command(flatten)]
    pub global: Global,
    /// The command and its own flags.
    #[command(subcommand)]
    pub command: Command,
}

/// The flags that every command takes, before or after its name.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The directory of the tree's composer.json, instead of the current one, to which other paths stay relative
    #[arg(short = 'd', long, global = true, value_name = "DIR")]
    pub working_dir: Option<PathBuf>,
    /// Print only errors, and results that were asked for
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Print more: -v the time of each phase, -vv each set and bundle, -vvv what their names are made of
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// Never ask (mwfarm asks nothing; accepted as Composer's flag)
    #[arg(short, long, global = true)]
    pub no_interaction: bool,
    /// Do without the cache of scans: read every file, and keep nothing for the next build
    #[arg(long, global = true)]
    pub no_cache: bool,
    /// Show no progress bars
    #[arg(long, global = true)]
    pub no_progress: bool,
    /// Use colours, whatever the terminal and the environment say
    #[arg(long, global = true, overrides_with = "no_ansi")]
    pub ansi: bool,
    /// Use no colours
    #[arg(long, global = true, overrides_with = "ansi")]
    pub no_ansi: bool,
    /// Work with N threads [default: one per processor]
    #[arg(short, long, global = true, value_name = "N", value_parser = jobs)]
    pub jobs: Option<NonZeroUsize>,
}

impl Global {
    /// How the user wants to be told what happens.
    #[must_use]
    pub fn report(&self) -> Settings {
        Settings {
            verbosity: match self.verbose {
                _ if self.quiet => Verbosity::Quiet,
                0 => Verbosity::Normal,
                1 => Verbosity::Verbose,
                2 => Verbosity::VeryVerbose,
                _ => Verbosity::Debug,
            },
            colours: (self.ansi || self.no_ansi).then_some(self.ansi),
            progress: !self.no_progress,
        }
    }
}

/// A command.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Write the sets, the bundles and the dispatcher into vendor/
    Build(Build),
    /// Show what a build would write, keep and remove, and which wikis it changes
    Plan(Plan),
    /// Show which extensions and wikis need a package
    Why(Why),
    /// Check every byte of what is published
    Verify(Verify),
    /// Say what is wrong, odd or worth knowing about the tree, and which wikis it concerns
    Doctor(Doctor),
    /// Print the graph of extensions and packages
    Graph(Graph),
    /// Serve an earlier generation again
    Rollback(Rollback),
    /// Remove generations that no request uses any more
    Gc(Gc),
    /// Take everything out of vendor/ again, leaving what Composer wrote
    Eject(Eject),
    /// Check, compile, show and compare the farm's settings
    Config(Config),
    /// List the farm's wikis
    Wikis(Wikis),
    /// Run a maintenance script for a wiki, or update.php for all that need it
    Run(Run),
    /// Make, show and end wikis that are deployed from branches
    Wiki(deploy::Wiki),
    /// Deploy a wiki's branch, or go back to the release before
    Deploy(deploy::Deploy),
    /// Show the deployed wikis: what they serve, what waits, what is wrong
    Status(deploy::List),
    /// Follow pushes
    Watch(deploy::Watch),
    /// Do and tell what concerns one app server, as JSON
    Agent(deploy::Agent),
    /// Print a completion script for a shell
    Completions(Completions),
    /// Print the manual page
    Man(Man),
}

/// Where the farm is and how it is linked.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
pub struct Inputs {
    /// The list of wikis [default: wikis.yml beside the tree's composer.json]
    #[arg(long, value_name = "FILE", conflicts_with = "config_dir")]
    pub wikis: Option<PathBuf>,
    /// The farm's configuration, with its settings, instead of a list of wikis.
    #[command(flatten)]
    pub config: ConfigDir,
    /// Make a complete vendor tree in DIR (missing, empty, or an earlier build's) instead of changing vendor/
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Which combinations of extensions get a bundle
    #[arg(long, value_enum, default_value_t, value_name = "STRATEGY", hide_possible_values = false)]
    pub strategy: Strategy,
    /// Map all classes of PSR-0 and PSR-4 rules, as `composer dump-autoload -o` does
    #[arg(short, long)]
    pub optimize_autoloader: bool,
    /// Load classes from the class map only; implies --optimize-autoloader
    #[arg(short = 'a', long)]
    pub classmap_authoritative: bool,
    /// How classes are loaded
    #[arg(long, value_enum, default_value_t, value_name = "KIND", hide_possible_values = false)]
    pub autoloader: Autoloader,
    /// Name files outside of vendor/ by absolute paths: they then take one key each in OPcache instead of two, and the
    /// tree cannot be moved
    #[arg(long, conflicts_with = "output")]
    pub absolute_paths: bool,
    /// Make the directories that the extension MediaWikiFarm looks for: links from composer<8 digits> to the sets
    #[arg(long)]
    pub mediawikifarm: bool,
}

/// `mwfarm build`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(after_help = "Examples:\n  mwfarm build -d /srv/mediawiki\n  \
                        mwfarm build -d /srv/mediawiki --wikis /etc/mwfarm/wikis.yml --output dist/vendor -o\n  \
                        mwfarm build -d /srv/mediawiki --invalidate unix:/run/php/php-fpm.sock")]
pub struct Build {
    /// The farm.
    #[command(flatten)]
    pub inputs: Inputs,
    /// Print the plan and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Write nothing; fail with exit code 6 when what is published is out of date
    #[arg(long)]
    pub locked: bool,
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

/// `mwfarm plan`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(after_help = "Example:\n  mwfarm plan -d /srv/mediawiki --format json")]
pub struct Plan {
    /// The farm.
    #[command(flatten)]
    pub inputs: Inputs,
    /// How to print the plan
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

/// `mwfarm why`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(after_help = "Examples:\n  mwfarm why data-values/geo\n  mwfarm why extensions/Validator --wiki maps")]
pub struct Why {
    /// A Composer package, or the directory of an extension or skin
    pub package: String,
    /// Look at this wiki only
    #[arg(long, value_name = "WIKI")]
    pub wiki: Option<String>,
    /// The list of wikis [default: wikis.yml beside the tree's composer.json]
    #[arg(long, value_name = "FILE", conflicts_with = "config_dir")]
    pub wikis: Option<PathBuf>,
    /// The farm's configuration, instead of a list of wikis.
    #[command(flatten)]
    pub config: ConfigDir,
    /// How to print the answer
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

/// `mwfarm verify`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(after_help = "Example:\n  mwfarm verify -d /srv/mediawiki && systemctl reload php-fpm")]
pub struct Verify {
    /// Look at the vendor tree in DIR instead of the tree's own
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

/// `mwfarm doctor`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(
    after_help = "The exit code is 1 when there is an error.\n\nExamples:\n  mwfarm doctor -d /srv/mediawiki\n  \
                        mwfarm doctor -d /srv/mediawiki --fpm php-fpm8.2 --format json | jq '.findings[].code'"
)]
pub struct Doctor {
    /// The list of wikis [default: wikis.yml beside the tree's composer.json]
    #[arg(long, value_name = "FILE", conflicts_with = "config_dir")]
    pub wikis: Option<PathBuf>,
    /// The farm's configuration, instead of a list of wikis.
    #[command(flatten)]
    pub config: ConfigDir,
    /// Look at the vendor tree in DIR instead of the tree's own
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// The PHP that is asked which classes files hold; none of the tree is run
    #[arg(long, value_name = "PHP", default_value = "php")]
    pub php: PathBuf,
    /// The php-fpm that serves wikis, to be asked for its modules and its OPcache [default: the one of PHP's version, else
    /// PHP itself]
    #[arg(long, value_name = "PHP-FPM")]
    pub fpm: Option<PathBuf>,
    /// The php.ini that it reads, when that is not its usual one
    #[arg(long, value_name = "FILE")]
    pub php_ini: Option<PathBuf>,
    /// Exit with 1 for warnings, too
    #[arg(long)]
    pub strict: bool,
    /// How to print what was found
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

/// `mwfarm graph`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(after_help = "Example:\n  mwfarm graph -d /srv/mediawiki --format dot | dot -Tsvg > farm.svg")]
pub struct Graph {
    /// The language of the graph
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: GraphFormat,
}

/// `mwfarm eject`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(
    after_help = "Before: take MwFarm\\Extensions out of LocalSettings.php, and mwfarm_preload.php out of php.ini.\n\nExample:\n  \
                        mwfarm eject -d /srv/mediawiki"
)]
pub struct Eject {
    /// Take it out of the vendor tree in DIR instead of the tree's own
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Fail at once when a build is running, instead of waiting for it
    #[arg(long)]
    pub no_wait: bool,
}

/// `mwfarm completions`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "Example:\n  mwfarm completions bash > /etc/bash_completion.d/mwfarm")]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// `mwfarm man`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(after_help = "Examples:\n  mwfarm man | man -l -\n  mwfarm man --output /usr/local/share/man/man1")]
pub struct Man {
    /// Write the pages of mwfarm and of every command into DIR, which must exist
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
}

/// How a result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// For programs, with a version of its own
    Json,
}

/// The language of a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum GraphFormat {
    /// Graphviz
    #[default]
    Dot,
    /// Mermaid, as wikis and forges draw it
    Mermaid,
    /// Nodes and edges
    Json,
}

/// Which combinations of extensions get a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Strategy {
    /// Those that wikis have
    #[default]
    QuickBold,
    /// All of them, for at most 12 extensions
    Bold,
}

/// How classes are loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Autoloader {
    /// By the registered loader's method, as Composer does
    #[default]
    Compatible,
    /// By a closure, which takes less time and knows only the class map: classes added to the loader later are not
    /// found. Needs an authoritative class map
    Fast,
}

/// Reads `argv`, whose first item is the program's name.
///
/// # Errors
/// What clap says of it. Requests for help and for the version are such an error too, see
/// [`clap::Error::use_stderr`].
pub fn parse(argv: impl IntoIterator<Item = OsString>) -> Result<Arguments, Box<clap::Error>> {
    Ok(Arguments::try_parse_from(argv)?)
}

/// The completion script for a shell.
#[must_use]
pub fn completions(shell: clap_complete::Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "mwfarm", &mut script);
    script
}

/// The manual pages, each with its file name; the main page comes first.
///
/// # Errors
/// Those of writing to memory: none that are known.
pub fn manual() -> std::io::Result<Vec<(String, Vec<u8>)>> {
    // The pages of `help` would be these again.
    let mut main = Arguments::command().disable_help_subcommand(true);
    main.build();
    let mut commands = vec![main.clone()];
    for command in main.get_subcommands() {
        commands.push(command.clone());
        commands.extend(command.get_subcommands().cloned());
    }
    commands
        .into_iter()
        .map(|command| {
            let page = clap_mangen::Man::new(command);
            let mut text = Vec::new();
            page.render(&mut text)?;
            Ok((page.get_filename(), text))
        })
        .collect()
}

/// A number of threads. The upper bound only stops typing errors from asking for a million of them.
fn jobs(text: &str) -> Result<NonZeroUsize, String> {
    match text.parse::<NonZeroUsize>() {
        Ok(jobs) if jobs.get() <= 1024 => Ok(jobs),
        _ => Err("expected a number from 1 to 1024".to_owned()),
    }
}

#[cfg(test)]
mod tests;
