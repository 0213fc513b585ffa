//! Commands about wikis that are made by request and deployed from branches.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{ConfigDir, Format};

/// `mwfarm wiki`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(subcommand_required = true, arg_required_else_help = true, disable_help_subcommand = true)]
pub struct Wiki {
    /// What to do with it.
    #[command(subcommand)]
    pub command: WikiCommand,
}

/// What to do with a wiki.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum WikiCommand {
    /// Make a wiki, with its user, host, branch, database and configuration repository; or finish making it
    Create(Create),
    /// List the wikis
    List(List),
    /// Show all that is known of a wiki, with its last deploys
    Show(OneWiki),
    /// Deploy no more pushes to a wiki
    Hold(Hold),
    /// Deploy pushes again
    Resume(Change),
    /// Say who may become a wiki: these users, and nobody else
    Owners(Owners),
    /// Say when a wiki is archived: after this time from now, or never
    Ttl(Ttl),
    /// Make a wiki's secrets anew, all but what an operator has added to them
    Rotate(Change),
    /// Take a wiki off the web and keep everything of it
    Archive(Change),
    /// Serve an archived wiki again
    Restore(Change),
    /// Delete a wiki, its pages, files, secrets and user; its branch and its journal stay
    Delete(Delete),
    /// Archive the wikis whose time is over
    Expire(Expire),
    /// Open a shell as the wiki's user, in its configuration repository
    Become(Become),
}

/// `mwfarm wiki create`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(
    after_help = "Examples:\n  mwfarm wiki create alpha\n  mwfarm wiki create beta --base refs/heads/REL1_43 --owner carol --ttl 30d\n  mwfarm wiki create gamma --web itk"
)]
pub struct Create {
    /// Its name, which its host, user, branch and database follow
    pub name: String,
    /// What its branch begins with: a full ref of the core repository [default: `base` of mwfarm.yml]
    #[arg(long, value_name = "REF")]
    pub base: Option<String>,
    /// A user of this system who may become the wiki; may be given several times
    #[arg(long = "owner", value_name = "USER")]
    pub owners: Vec<String>,
    /// Where it answers, instead of <NAME>.<zone>: another host of the zone
    #[arg(long, value_name = "HOST")]
    pub host: Option<String>,
    /// What serves it: Apache with mpm-itk (itk), or nginx and PHP-FPM (fpm) [default: `web` of mwfarm.yml]
    #[arg(long, value_enum, value_name = "SERVER")]
    pub web: Option<Web>,
    /// Archive it after this time: 12h, 30d, 8w
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub ttl: Option<u64>,
    /// The farm.
    #[command(flatten)]
    pub config: ConfigDir,
    /// Print what would be made, and make nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How to print the result
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

/// What serves a wiki.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Web {
    /// Apache with mpm-itk: each request as the wiki's user
    Itk,
    /// nginx, and a pool of PHP-FPM as the wiki's user
    Fpm,
}

/// `mwfarm wiki list` and `mwfarm status`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
pub struct List {
    /// The farm.
    #[command(flatten)]
    pub config: ConfigDir,
    /// How to print the list
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

/// `mwfarm wiki show`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct OneWiki {
    /// The wiki
    pub name: String,
    /// The farm.
    #[command(flatten)]
    pub config: ConfigDir,
    /// How to print it
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

/// `mwfarm wiki hold`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "Example:\n  mwfarm wiki hold alpha the conference demo is at four")]
pub struct Hold {
    /// The wiki
    pub name: String,
    /// Why
    #[arg(required = true, value_name = "REASON")]
    pub why: Vec<String>,
    /// The farm.
    #[command(flatten)]
    pub config: ConfigDir,
}

/// `mwfarm wiki owners`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "Examples:\n  mwfarm wiki owners alpha carol dave\n  mwfarm wiki owners alpha --nobody")]
pub struct Owners {
    /// The wiki
    pub name: String,
    /// Users of this system
    #[arg(value_name = "USER")]
    pub owners: Vec<String>,
    /// Only root may become it
    #[arg(long, conflicts_with = "owners")]
    pub nobody: bool,
    /// The farm.
    #[command(flatten)]
    pub config: ConfigDir,
}

/// `mwfarm wiki ttl`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "Examples:\n  mwfarm wiki ttl alpha 30d\n  mwfarm wiki ttl alpha --never")]
pub struct Ttl {
    /// The wiki
    pub name: String,
    /// For how long it stays, from now: 12h, 30d, 8w
    #[arg(value_name = "TIME", value_parser = time, required_unless_present = "never")]
    pub time: Option<u64>,
    /// It stays until somebody archives it
    #[arg(long, conflicts_with = "time")]
    pub never: bool,
    /// The farm.
    #[command(flatten)]
    pub config: ConfigDir,
}

/// `mwfarm wiki resume`, `rotate`, `archive` and `restore`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Change {
    /// The wiki
    pub name: String,
    /// The farm.
    #[command(flatten)]
    pub config: ConfigDir,
}

/// `mwfarm wiki delete`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(
    after_help = "Examples:\n  mwfarm wiki delete alpha --dry-run\n  mwfarm wiki delete alpha --yes-i-mean alpha"
)]
pub struct Delete {
    /// The wiki
    pub name: String,
    /// Its name again: nothing brings its pages back
    #[arg(long, value_name = "NAME", required_unless_present = "dry_run")]
    pub yes_i_mean: Option<String>,
    /// Print what would be deleted, and delete nothing
    #[arg(long)]
    pub dry_run: bool,
    /// The farm.
    #[command(flatten)]
    pub config: ConfigDir,
    /// How to print what would be deleted
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

/// `mwfarm wiki expire`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
pub struct Expire {
    /// The farm.
    #[command(flatten)]
    pub config: ConfigDir,
    /// Print which wikis would be archived, and archive none
    #[arg(long)]
    pub dry_run: bool,
    /// How to print the result
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

/// `mwfarm wiki become`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "Examples:\n  mwfarm wiki become alpha\n  mwfarm wiki become alpha -- git log --oneline")]
pub struct Become {
    /// The wiki
    pub name: String,
    /// The farm.
    #[command(flatten)]
    pub config: ConfigDir,
    /// A command to run instead of a shell
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<std::ffi::OsString>,
}

/// `mwfarm deploy`.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "Examples:\n  mwfarm deploy alpha\n  mwfarm deploy alpha --rev 1f2e3d4c try the old parser\n  \
                        mwfarm deploy alpha --revert the new skin breaks search\n  \
                        mwfarm deploy --all --again another mail server")]
pub struct Deploy {
    /// The wiki
    #[arg(required_unless_present = "all")]
    pub name: Option<String>,
    /// Deploy all wikis, several at a time (`--jobs`), and wait for deploys that are running; those that are held stay
    #[arg(long, conflicts_with_all = ["rev", "revert"])]
    pub all: bool,
    /// Deploy this commit of its branch instead of the newest one
    #[arg(long, value_name = "REV", conflicts_with = "revert")]
    pub rev: Option<String>,
    /// Serve the release before again, mark the one that is left as bad, and hold pushes until `mwfarm wiki resume`
    #[arg(long)]
    pub revert: bool,
    /// Make a new release of the commits that are served: with the farm's settings and options as they are now
    #[arg(long, conflicts_with_all = ["rev", "revert"])]
    pub again: bool,
    /// Wait for a deploy of the same wiki that is running, instead of failing
    #[arg(long)]
    pub wait: bool,
    /// Who brings the release to the app servers
    #[arg(long, value_enum, default_value_t, value_name = "ENGINE", hide_possible_values = false)]
    pub engine: Engine,
    /// Print what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// The farm.
    #[command(flatten)]
    pub config: ConfigDir,
    /// How to print the result
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
    /// Why, for the wiki's history
    #[arg(value_name = "MESSAGE")]
    pub message: Vec<String>,
}

/// Who brings releases to app servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Engine {
    /// This machine is the only one
    #[default]
    Local,
}

/// `mwfarm watch`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(subcommand_required = true, arg_required_else_help = true, disable_help_subcommand = true)]
pub struct Watch {
    /// What to watch.
    #[command(subcommand)]
    pub command: WatchCommand,
}

/// What tells of pushes, and what follows them.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum WatchCommand {
    /// Follow Gerrit's stream of events, by the command `gerrit` of mwfarm.yml
    Gerrit(Gerrit),
    /// What git's hooks call
    Hook(Hook),
    /// Listen to signed webhooks
    Serve(Serve),
    /// Deploy what was pushed
    Worker(Worker),
    /// Compare branches, registry, disk and web servers, and mend what differs
    Reconcile(Reconcile),
}

/// `mwfarm watch gerrit`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(after_help = "Example:\n  mwfarm watch gerrit --stdin < recorded-events.jsonl")]
pub struct Gerrit {
    /// Read events from the standard input, and end with it
    #[arg(long)]
    pub stdin: bool,
    /// The farm.
    #[command(flatten)]
    pub config: ConfigDir,
}

/// `mwfarm watch hook`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "Example, as hooks/post-receive of the core repository:\n  \
                        #!/bin/sh\n  exec mwfarm watch hook post-receive")]
pub struct Hook {
    /// The hook
    #[arg(value_enum)]
    pub hook: HookKind,
    /// The wiki, for post-commit
    pub name: Option<String>,
    /// The farm.
    #[command(flatten)]
    pub config: ConfigDir,
}

/// A hook of git.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum HookKind {
    /// Of the core repository: refuses names and trees that are not deployed
    PreReceive,
    /// Of the core repository: tells of pushes, and never fails
    PostReceive,
    /// Of a wiki's configuration repository: tells of a commit, and never fails
    PostCommit,
}

/// `mwfarm watch serve`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Serve {
    /// Where to listen; only addresses of this machine itself
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8765")]
    pub listen: SocketAddr,
    /// The farm.
    #[command(flatten)]
    pub config: ConfigDir,
}

/// `mwfarm watch worker`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
pub struct Worker {
    /// Deploy what waits, and end
    #[arg(long)]
    pub once: bool,
    /// Compare with the branches every so many seconds; 0: never
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub reconcile: u64,
    /// The farm.
    #[command(flatten)]
    pub config: ConfigDir,
}

/// `mwfarm watch reconcile`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
pub struct Reconcile {
    /// Only this wiki
    pub name: Option<String>,
    /// Print which wikis are unfinished, or serve something else than their branch and configuration have; mend nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Only make what a start of the machine takes away, before web servers and PHP-FPM start; deploy nothing
    #[arg(long, conflicts_with_all = ["name", "dry_run"])]
    pub boot: bool,
    /// The farm.
    #[command(flatten)]
    pub config: ConfigDir,
    /// How to print the result
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

/// `mwfarm agent`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(subcommand_required = true, arg_required_else_help = true, disable_help_subcommand = true)]
pub struct Agent {
    /// What to do.
    #[command(subcommand)]
    pub command: AgentCommand,
}

/// The steps on an app server, for engines such as Salt and Ansible.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum AgentCommand {
    /// Make this server as an order says, which is JSON on the standard input
    Apply(Apply),
    /// Tell what this server has and answers
    Observe(Observe),
}

/// `mwfarm agent apply`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(after_help = "Example:\n  mwfarm agent apply --format json < order.json")]
pub struct Apply {
    /// The farm.
    #[command(flatten)]
    pub config: ConfigDir,
    /// How to print the answer
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

/// `mwfarm agent observe`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
pub struct Observe {
    /// The wiki [default: all]
    pub name: Option<String>,
    /// The farm.
    #[command(flatten)]
    pub config: ConfigDir,
    /// How to print the answer
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

/// A time such as `30d`, in seconds.
pub(super) fn time(text: &str) -> Result<u64, String> {
    let (number, unit) = text.split_at(text.len().saturating_sub(text.chars().next_back().map_or(0, char::len_utf8)));
    let seconds = match unit {
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 604_800,
        _ => 0,
    };
    match number.parse::<u64>() {
        Ok(number @ 1..=10_000) if seconds > 0 => Ok(number * seconds),
        _ => Err("expected a number with m, h, d or w, such as 30d".to_owned()),
    }
}

/// The directory of `mwfarm.yml`.
#[must_use]
pub fn directory(config: &ConfigDir) -> PathBuf {
    config.config_dir.clone().unwrap_or_else(|| super::CONFIG_DIR.into())
}
