//! Reads the section `deploy` of `mwfarm.yml`: where wikis come from and what serves them.
//!
//! ```yaml
//! deploy:
//!   zone: wiki.example.org              # hosts are <wiki>.<zone>
//!   core: ssh://mwfarm@gerrit.example.org:29418/mediawiki/core
//!   base: refs/heads/master             # what branches of new wikis begin with
//!   users: {from: 61000, to: 64999}     # their numbers; `none`: all wikis run as mwfarm does, without isolation
//!   config: committed                   # or `seed`: the working file itself is live
//!   web: fpm                            # or `itk`: what serves wikis of which nothing else was said
//!   database: sqlite                    # or {mariadb: /run/mysqld/mysqld.sock}
//!   cache: none                         # or {redis: /run/redis/redis-server.sock}
//! ```

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

use super::layout::Layout;
use super::list::List;
use super::name::Name;
use super::record::Wiki;
use crate::disk;
use crate::farm::{Host, NameError};

/// The file that has the section.
pub const FILE: &str = "mwfarm.yml";

/// Larger files are refused.
const MAX_BYTES: usize = 64 * 1024;

/// How wikis are deployed.
#[derive(Debug, Clone)]
pub struct Options {
    /// The directory of `mwfarm.yml`; the farm's settings are in it, if it has any.
    pub directory: PathBuf,
    /// Where everything is.
    pub layout: Layout,
    /// The domain of all wikis.
    pub zone: Host,
    /// The core repository, as git names it.
    pub core: String,
    /// The project's name in events of Gerrit: `mediawiki/core`.
    pub project: String,
    /// The full ref that new branches begin with.
    pub base: String,
    /// The range of users' numbers; `None`: no users.
    pub users: Option<Range>,
    /// What of the configuration repository is live.
    pub config: Live,
    /// What serves the wikis of which nothing else was said.
    pub web: Web,
    /// Where they keep their pages.
    pub database: Database,
    /// Where they keep what they need not keep.
    pub cache: Cache,
    /// The file in `directory` that lists the wikis, for the farm's settings.
    pub list: Option<List>,
    /// How many releases of a wiki stay, the served one and the one before included.
    pub keep: usize,
    /// What is asked of a release, and of the wiki when it is served.
    pub health: Health,
    /// The PHP program.
    pub php: PathBuf,
    /// What a pushed tree may be.
    pub limits: Limits,
    /// The programs that are looked after.
    pub services: Services,
    /// How long the core repository may take to send or take one branch.
    pub remote: Duration,
    /// How much memory git may use to unpack what it fetches from there, in bytes.
    pub remote_memory: u64,
    /// How long MediaWiki's installer and update.php may take, each. They are code of the wiki.
    pub schema: Duration,
    /// Whether a push that leaves commits out is deployed.
    pub force_push: bool,
    /// Whether a branch that appears without a request makes a wiki.
    pub create_from_branches: bool,
    /// The file of the secret with which webhooks are signed.
    pub webhook_secret: Option<PathBuf>,
    /// The command that prints the stream of Gerrit's events.
    pub gerrit: Option<Vec<String>>,
    /// The group whose members may tell of pushes; without it, only the worker's own user.
    pub queue_group: Option<String>,
    /// Where an app server takes commits of the wikis' configurations from: the directory of the copies that the server
    /// which deploys has, as git names it.
    pub config_origin: Option<String>,
}

/// A range of numbers, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// The first.
    pub from: u32,
    /// The last.
    pub to: u32,
}

/// What of the configuration repository is live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Live {
    /// The last commit that is valid.
    #[default]
    Committed,
    /// The working file, as the document has it: every save is live at once, finished or not.
    Seed,
}

/// What serves the wikis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Web {
    /// nginx, and a pool of PHP-FPM for each wiki.
    #[default]
    Fpm,
    /// Apache with mpm-itk, which takes the wiki's user for each request; nginx routes to it.
    Itk,
    /// Nothing is configured: another program serves what the link names.
    None,
}

/// What is behind the proxy, of which each wiki has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// nginx, and a pool of PHP-FPM for each wiki.
    Fpm,
    /// Apache with mpm-itk, which takes the wiki's user for each request.
    Itk,
}

impl Backend {
    /// The word for it, as options and records have it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Fpm => "fpm",
            Self::Itk => "itk",
        }
    }
}

/// Where wikis keep their pages.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Database {
    /// A directory of files in the wiki's home.
    #[default]
    Sqlite,
    /// A database of the server at this socket, where the wiki's user logs in as itself.
    Mariadb(PathBuf),
    /// None.
    None,
}

/// Where wikis keep what they need not keep.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cache {
    /// Nowhere that others share.
    #[default]
    None,
    /// The Redis server at this socket, where each wiki is a user of its own.
    Redis(PathBuf),
}

/// What a release has to answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Health {
    /// The path that is asked.
    pub path: String,
    /// Texts of which the answer has to hold one. A wiki that only members read answers that it does not tell: who gets
    /// this from MediaWiki has had it read its settings, its database and its rights.
    #[serde(deserialize_with = "one_or_some")]
    pub expect: Vec<String>,
    /// Paths of pages, which have to come from the release and be no error of the server: what reads them is other code
    /// than what answers programs.
    pub pages: Vec<String>,
    /// How many seconds it may take.
    pub seconds: u64,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            path: "/api.php?action=query&meta=siteinfo&format=json".to_owned(),
            expect: ["\"generator\":\"MediaWiki ", "\"code\":\"readapidenied\""].map(str::to_owned).to_vec(),
            pages: vec!["/index.php?title=Special:BlankPage".to_owned()],
            seconds: 60,
        }
    }
}

fn one_or_some<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "`expect` is neither a text nor a list of texts")]
    enum Written {
        One(String),
        Some(Vec<String>),
    }
    match Written::deserialize(deserializer)? {
        Written::One(text) => Ok(vec![text]),
        Written::Some(texts) => Ok(texts),
    }
}

/// What a pushed tree may be.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The most files and links.
    pub files: u64,
    /// The most bytes of all files.
    pub bytes: u64,
    /// The most bytes of one file.
    pub file_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { files: 200_000, bytes: 4 << 30, file_bytes: 256 << 20 }
    }
}

/// The programs that are looked after: how their configuration is checked, and whom to tell that it has changed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Services {
    /// The command that checks the configuration of nginx.
    pub nginx_check: Vec<String>,
    /// The file with the number of its main process.
    pub nginx_pid: PathBuf,
    /// The command that checks the configuration of PHP-FPM.
    pub fpm_check: Vec<String>,
    /// The file with the number of its main process.
    pub fpm_pid: PathBuf,
    /// The command that checks the configuration of Apache.
    pub apache_check: Vec<String>,
    /// The file with the number of its main process.
    pub apache_pid: PathBuf,
    /// The address of the proxy, where requests for all wikis arrive.
    pub proxy: String,
    /// The address of nginx behind it, on loopback. Wikis cannot listen on ports below 1024: on others, whoever comes
    /// first while the server restarts answers for all wikis.
    pub backend: String,
    /// The address of Apache behind it, on loopback.
    pub apache_backend: String,
    /// The user of nginx, which reads the wikis' static files.
    pub web_user: String,
}

impl Default for Services {
    fn default() -> Self {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect();
        Self {
            nginx_check: words("nginx -t -q"),
            nginx_pid: "/run/nginx.pid".into(),
            fpm_check: words("php-fpm8.2 -t"),
            fpm_pid: "/run/php/php8.2-fpm.pid".into(),
            apache_check: words("apache2ctl -t"),
            apache_pid: "/run/apache2/apache2.pid".into(),
            proxy: "0.0.0.0:80".to_owned(),
            backend: "127.0.0.1:81".to_owned(),
            apache_backend: "127.0.0.1:82".to_owned(),
            web_user: "www-data".to_owned(),
        }
    }
}

impl Services {
    /// Where one of what is behind the proxy listens.
    #[must_use]
    pub fn address(&self, backend: Backend) -> &str {
        match backend {
            Backend::Fpm => &self.backend,
            Backend::Itk => &self.apache_backend,
        }
    }
}

/// A file that cannot be followed.
#[derive(Debug, thiserror::Error)]
#[error("`{}` {reason}", file.display())]
pub struct Error {
    /// The file.
    pub file: PathBuf,
    /// What is wrong, as the rest of a sentence.
    pub reason: String,
}

#[derive(Debug, Default, Deserialize)]
struct File {
    php: Option<PathBuf>,
    deploy: Option<Written>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "`users` is neither `none` nor a range of numbers, such as {from: 61000, to: 64999}")]
enum Users {
    Range(Range),
    Word(NoUsers),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum NoUsers {
    None,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    root: Option<PathBuf>,
    zone: String,
    core: String,
    project: Option<String>,
    base: Option<String>,
    users: Option<Users>,
    #[serde(default)]
    config: Live,
    #[serde(default)]
    web: Web,
    #[serde(default)]
    database: Database,
    #[serde(default)]
    cache: Cache,
    list: Option<String>,
    keep: Option<usize>,
    #[serde(default)]
    health: Health,
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    services: Services,
    remote_seconds: Option<u64>,
    remote_mebibytes: Option<u64>,
    schema_seconds: Option<u64>,
    force_push: Option<bool>,
    create_from_branches: Option<bool>,
    webhook_secret: Option<PathBuf>,
    gerrit: Option<Vec<String>>,
    queue_group: Option<String>,
    config_origin: Option<String>,
}

/// The users that are given when nothing is said.
const USERS: Range = Range { from: 61_000, to: 64_999 };

/// Whether the directory's `mwfarm.yml` has a section for deploys.
#[must_use]
pub fn is_there(directory: &Path) -> bool {
    #[derive(Deserialize)]
    struct Some {
        deploy: Option<serde::de::IgnoredAny>,
    }
    let text = disk::read_optional(&directory.join(FILE)).ok().flatten().unwrap_or_default();
    text.len() <= MAX_BYTES
        && std::str::from_utf8(&text)
            .is_ok_and(|text| serde_saphyr::from_str::<Some>(text).is_ok_and(|file| file.deploy.is_some()))
}

/// Reads the section.
///
/// # Errors
/// It cannot be read, is not there, or a field is unknown or of another kind.
pub fn read(directory: &Path) -> Result<Options, Error> {
    let file = directory.join(FILE);
    let wrong = |reason: String| Error { file: file.clone(), reason };
    let bytes = disk::read_optional(&file).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let bytes = bytes.ok_or_else(|| wrong("is not there".to_owned()))?;
    if bytes.len() > MAX_BYTES {
        return Err(wrong(format!("is larger than {MAX_BYTES} bytes")));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| wrong("is not UTF-8".to_owned()))?;
    let read: File = serde_saphyr::from_str(text).map_err(|error| {
        let message = error.without_snippet().render_with_formatter(&serde_saphyr::UserMessageFormatter);
        wrong(format!("does not fit: {}", message.lines().next().unwrap_or_default().escape_debug()))
    })?;
    let written = read.deploy.ok_or_else(|| wrong("has no section `deploy`".to_owned()))?;
    let field = |field: &str, reason: String| wrong(format!("field `deploy.{field}` {reason}"));
    let named = |name: &'static str| move |error: NameError| field(name, format!("does not fit: {error}"));
    let directory = disk::real_path(directory).map_err(|error| wrong(format!("is not there: {error}")))?;
    let root = directory.join(written.root.unwrap_or_else(|| "/".into()));
    let root = disk::real_path(&root).map_err(|error| field("root", format!("is not there: {error}")))?;
    let zone = Host::new(&written.zone).map_err(named("zone"))?;
    if zone.as_str().contains(['/', '[']) || zone.as_str().len() > 180 {
        return Err(field("zone", "is no domain".to_owned()));
    }
    let base = written.base.unwrap_or_else(|| "refs/heads/master".to_owned());
    if !base.starts_with("refs/") || !super::git::is_ref(&base) {
        return Err(field("base", "is no full name of a ref, such as `refs/heads/master`".to_owned()));
    }
    let is_address = |text: &str| !text.starts_with('-') && !text.is_empty() && !text.contains("::");
    if !is_address(&written.core) {
        return Err(field("core", "is no address of a repository".to_owned()));
    }
    if written.config_origin.as_deref().is_some_and(|origin| !is_address(origin)) {
        return Err(field("config-origin", "is no address of a directory of repositories".to_owned()));
    }
    let users = match written.users {
        None => Some(USERS),
        Some(Users::Word(NoUsers::None)) => None,
        Some(Users::Range(range)) if range.from >= 1000 && range.from <= range.to && range.to < 0xffff_fff0 => {
            Some(range)
        }
        Some(Users::Range(_)) => return Err(field("users", "is no range of numbers from 1000 on".to_owned())),
    };
    let list = written.list.map(|list| List::new(&list).map_err(|reason| field("list", reason))).transpose()?;
    let keep = written.keep.unwrap_or(5);
    if keep < 2 {
        return Err(field("keep", "must be at least 2: the served release and the one before".to_owned()));
    }
    let is_path = |path: &str| path.starts_with('/') && !path.contains([' ', '\r', '\n']);
    if !is_path(&written.health.path) {
        return Err(field("health.path", "is no path of a request".to_owned()));
    }
    if !written.health.pages.iter().all(|page| is_path(page)) {
        return Err(field("health.pages", "holds what is no path of a request".to_owned()));
    }
    let project = written.project.unwrap_or_else(|| {
        let path = written.core.trim_end_matches('/').trim_end_matches(".git");
        // What stands behind the host, or the last two parts.
        let after = path.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map(|(_, path)| path);
        after.unwrap_or(path).trim_start_matches('/').to_owned()
    });
    let absolute = |path: PathBuf| directory.join(path);
    Ok(Options {
        layout: Layout::new(root),
        zone,
        core: written.core,
        project,
        base,
        users,
        config: written.config,
        web: written.web,
        database: written.database,
        cache: written.cache,
        list,
        keep,
        health: written.health,
        php: read.php.unwrap_or_else(|| "php".into()),
        limits: written.limits,
        services: written.services,
        remote: Duration::from_secs(written.remote_seconds.unwrap_or(10 * 60).max(1)),
        remote_memory: written.remote_mebibytes.unwrap_or(8 << 10).clamp(64, 1 << 30) << 20,
        schema: Duration::from_secs(written.schema_seconds.unwrap_or(30 * 60).max(1)),
        force_push: written.force_push.unwrap_or(false),
        create_from_branches: written.create_from_branches.unwrap_or(false),
        webhook_secret: written.webhook_secret.map(absolute),
        gerrit: written.gerrit,
        queue_group: written.queue_group,
        config_origin: written.config_origin,
        directory,
    })
}

impl Options {
    /// Where a wiki answers when nothing else was asked for.
    ///
    /// # Errors
    /// The host would be too long.
    pub fn host(&self, name: &Name) -> Result<Host, NameError> {
        Host::new(&format!("{name}.{}", self.zone))
    }

    /// What serves a wiki: what was chosen for it, else what the farm has; `None`: mwfarm configures nothing.
    #[must_use]
    pub fn backend(&self, wiki: &Wiki) -> Option<Backend> {
        let farm = match self.web {
            Web::None => return None,
            Web::Fpm => Backend::Fpm,
            Web::Itk => Backend::Itk,
        };
        Some(wiki.web.unwrap_or(farm))
    }

    /// Whether the farm has settings of its own, which then say what of its extensions and skins a wiki has on.
    #[must_use]
    pub fn has_settings(&self) -> bool {
        ["farms.yml", "farms.yaml", "farms.json", "farms.php"].iter().any(|name| self.directory.join(name).is_file())
    }

    /// The branch of a wiki.
    #[must_use]
    pub fn branch(name: &Name) -> String {
        format!("refs/heads/wiki/{name}")
    }
}
