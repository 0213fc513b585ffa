//! What serves the wikis: generated configuration of nginx, PHP-FPM and Apache. What it says is decided here, without
//! looking at anything; [`apply`] writes it and tells the daemons.
//!
//! ```text
//!                    proxy.map                nginx.d/<wiki>.conf          fpm.d/<wiki>.conf
//! a request → nginx ─────┬─────→ nginx, the files of the release ────→ PHP-FPM, a pool as the wiki's user
//!                        └─────→ Apache with mpm-itk, each request as the wiki's user
//!                                             apache.d/<wiki>.conf
//! ```
//!
//! Each wiki has one of both. A daemon that serves no wiki is neither asked nor told anything, unless it is the one that
//! the farm's wikis are served by as a rule.
//!
//! An administrator puts one line into the configuration of each daemon, once:
//!
//! ```text
//! nginx     http { … include /etc/mwfarm/nginx.conf; }
//! PHP-FPM   include = /etc/mwfarm/fpm.conf                  at the end of php-fpm.conf
//! Apache    Include /etc/mwfarm/apache.conf                 with the modules mpm_itk, php, alias, authz_core, dir, env,
//!                                                       headers, mime, remoteip, setenvif
//! ```
//!
//! PHP-FPM should have no pools besides these, or `opcache.validate_permission=1` in its php.ini: all pools share OPcache,
//! and without it one of another user reads what is cached of the wikis. Apache needs `apc.enabled=0` in its php.ini.
//!
//! The same rules hold for both servers. PHP runs for MediaWiki's entry points only; of the files, only resources,
//! uploads and those of extensions and skins that browsers load are served; nothing below a release is reached through
//! a link. `next--<wiki>.<zone>` is the release that is tried: the proxy has no route for it.

mod apache;
mod fpm;
mod nginx;

pub mod apply;
pub mod daemon;
pub mod opcache;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::name::Name;
use super::options::{Backend, Options, Web};
use crate::farm::{Host, NameError};
use crate::key::sha256;
use daemon::Daemon;

/// What is served for a wiki.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Its name.
    pub name: Name,
    /// Where it answers.
    pub host: Host,
    /// The number of its user and of its group; `None`: PHP runs as the web server's user.
    pub uid: Option<u32>,
    /// What serves it.
    pub backend: Backend,
}

/// A generated file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    /// Where it belongs, below `etc/mwfarm`.
    pub path: PathBuf,
    /// What it holds; the first lines say where it comes from.
    pub content: String,
}

/// Whose a file is that lies where a generated one belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Generated, and as it was.
    Unmodified,
    /// Generated, and changed since.
    Modified,
    /// Not generated.
    Foreign,
}

/// MediaWiki's entry points, without `.php`. All other PHP files are reached by `include` only.
const ENTRY_POINTS: [&str; 8] =
    ["index", "api", "load", "rest", "img_auth", "thumb", "thumb_handler", "opensearch_desc"];

/// What browsers load from the directories of extensions and skins. Anything else there is source, or a document that
/// would be a page of the wiki's own origin.
const ASSETS: &str = "avif|css|cur|eot|flac|gif|ico|jpe?g|js|json|map|mjs|mp3|mp4|og[agv]|opus|otf|png|svg|ttf|wasm|wav|webm|webp|woff2?";

/// Directories of uploads that are no uploads yet or no longer. MediaWiki protects them by `.htaccess`, which is not read.
const HIDDEN_UPLOADS: &str = "deleted|lockdir|temp|thumb/temp|transcoded/temp";

/// Endings of files that some configuration of a web server runs.
const SCRIPTS: &str = "ph(?:p[0-9]*|ar|tml|t|ps)|cgi|pl|py|sh|shtml";

/// The most that can be uploaded, and that a page's text may have.
const UPLOAD_MEGABYTES: u32 = 100;

/// The host of a wiki's release that is tried.
///
/// # Errors
/// The host would be too long.
pub fn next_host(options: &Options, name: &Name) -> Result<Host, NameError> {
    Host::new(&format!("{}.{}", name.next(), options.zone))
}

/// The daemons that serve wikis, those that others need first; the last one routes.
pub const DAEMONS: [Daemon; 3] = [Daemon::Fpm, Daemon::Apache, Daemon::Nginx];

/// The daemons that are told of a wiki with such a backend.
#[must_use]
pub fn daemons(backend: Backend) -> &'static [Daemon] {
    match backend {
        Backend::Fpm => &[Daemon::Fpm, Daemon::Nginx],
        Backend::Itk => &[Daemon::Apache],
    }
}

/// Whether a daemon runs PHP for wikis of which nothing else was said.
#[must_use]
pub fn is_usual(options: &Options, daemon: Daemon) -> bool {
    matches!((options.web, daemon), (Web::Fpm, Daemon::Fpm) | (Web::Itk, Daemon::Apache))
}

/// What is said of one wiki to a daemon; `None`: nothing.
///
/// # Errors
/// The host of the release that is tried would be too long.
pub fn site(options: &Options, daemon: Daemon, site: &Site) -> Result<Option<Generated>, NameError> {
    if options.web == Web::None || !daemons(site.backend).contains(&daemon) {
        return Ok(None);
    }
    let text = match daemon {
        Daemon::Fpm => fpm::pool(options, site),
        Daemon::Nginx => nginx::site(options, site, &next_host(options, &site.name)?),
        Daemon::Apache => apache::site(options, site, &next_host(options, &site.name)?),
    };
    Ok(Some(generated(site_path(options, daemon, &site.name), daemon.comment(), &text)))
}

/// Where it is said.
#[must_use]
pub fn site_path(options: &Options, daemon: Daemon, name: &Name) -> PathBuf {
    site_directory(options, daemon).join(format!("{name}.conf"))
}

/// The directory of what is said to a daemon, a file for each wiki.
#[must_use]
pub fn site_directory(options: &Options, daemon: Daemon) -> PathBuf {
    options.layout.etc().join(format!("{}.d", daemon.word()))
}

/// What is said to a daemon whatever wikis there are; nginx is only the proxy unless it `serves` some. `digest` is that of
/// all that is said to it: the daemon tells it back, so that anybody can ask which configuration is in effect.
#[must_use]
pub fn farm(options: &Options, daemon: Daemon, serves: bool, digest: &str) -> Generated {
    let text = match daemon {
        Daemon::Fpm => fpm::farm(options, digest),
        Daemon::Nginx => nginx::farm(options, serves, digest),
        Daemon::Apache => apache::farm(options, digest),
    };
    generated(farm_path(options, daemon), daemon.comment(), &text)
}

/// Where it is said.
#[must_use]
pub fn farm_path(options: &Options, daemon: Daemon) -> PathBuf {
    options.layout.etc().join(format!("{}.conf", daemon.word()))
}

/// The hosts that the proxy knows, and what is behind it for each.
#[must_use]
pub fn routes<'h>(options: &Options, hosts: impl IntoIterator<Item = &'h (Host, Backend)>) -> Generated {
    let line = |(host, backend): &(Host, Backend)| format!("{host} {};\n", options.services.address(*backend));
    let mut lines: Vec<String> = hosts.into_iter().map(line).collect();
    lines.sort();
    lines.dedup();
    generated(routes_path(options), "#", &lines.concat())
}

/// The proxy's file with other addresses for some hosts, which it knows already.
#[must_use]
fn rerouted(options: &Options, content: &str, hosts: &[(Host, Backend)]) -> Generated {
    let line = |line: &str| {
        let host = line.split_once(' ').and_then(|(known, _)| hosts.iter().find(|(host, _)| host.as_str() == known));
        host.map_or_else(
            || format!("{line}\n"),
            |(host, backend)| format!("{host} {};\n", options.services.address(*backend)),
        )
    };
    let lines: Vec<String> = content.lines().skip(1).map(line).collect();
    generated(routes_path(options), "#", &lines.concat())
}

/// Where they are.
#[must_use]
pub fn routes_path(options: &Options) -> PathBuf {
    options.layout.etc().join("proxy.map")
}

/// `MW_CONFIG_FILE` of requests that Apache serves. The document root is a link there, and what a request was begun with
/// is the directory that MediaWiki runs from, not what the link leads to by the time the settings are read.
#[must_use]
pub fn local_settings(options: &Options) -> Generated {
    // The memory of APCu is shared by all wikis and has no owners: one could read and replace what another one keeps, and
    // have it unserialized. For Apache only php.ini can turn it off.
    let apcu = if options.users.is_some() {
        "if ( function_exists( 'apcu_enabled' ) && apcu_enabled() ) {\n\
         \thttp_response_code( 500 );\n\
         \texit( \"APCu is on, which all wikis would share; turn it off: apc.enabled=0 in Apache's php.ini\\n\" );\n\
         }\n"
    } else {
        ""
    };
    // One expression, so that no variable is left in MediaWiki's scope.
    let text = "return require ( defined( 'MW_INSTALL_PATH' ) ? MW_INSTALL_PATH\n\
                \t: ( $IP ?? realpath( $_SERVER['DOCUMENT_ROOT'] ) ) ) . '/.mwfarm/settings.php';\n";
    let path = options.layout.etc().join("LocalSettings.php");
    let Generated { path, content } = generated(path, "//", &format!("{apcu}{text}"));
    Generated { path, content: format!("{PHP}{content}") }
}

/// What a PHP file begins with.
const PHP: &str = "<?php\n";

/// What the header says before the digest.
const HEADER: &str = " Generated by mwfarm, which overwrites changes. sha256:";

fn generated(path: PathBuf, comment: &str, text: &str) -> Generated {
    let content = format!("{comment}{HEADER}{}\n{text}", sha256(text.as_bytes()));
    Generated { path, content }
}

/// Whose a file is, by its header.
#[must_use]
pub fn origin(content: &[u8]) -> Origin {
    let read = || {
        let text = std::str::from_utf8(content).ok()?;
        let text = text.strip_prefix(PHP).unwrap_or(text);
        let (first, rest) = text.split_once('\n')?;
        let digest = ["#", ";", "//"].iter().find_map(|comment| first.strip_prefix(comment)?.strip_prefix(HEADER))?;
        Some(if sha256(rest.as_bytes()) == digest { Origin::Unmodified } else { Origin::Modified })
    };
    read().unwrap_or(Origin::Foreign)
}

/// What of the options does not fit into configuration, if anything: nothing of them is quoted there.
///
/// # Errors
/// Names the field and the reason.
pub fn check(options: &Options) -> Result<(), String> {
    let plain = |path: &Path| {
        path.to_str().is_some_and(|text| {
            text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._+@-".contains(&byte))
        })
    };
    if !plain(options.layout.root()) {
        return Err("field `deploy.root` must be made of letters, digits and `/._+@-` to be served".to_owned());
    }
    // A path of a socket has at most 107 bytes; a wiki's name at most 24.
    let longest = options.layout.sockets().join(format!("{}.sock", "a".repeat(24)));
    if longest.as_os_str().len() > 107 {
        let over = longest.as_os_str().len() - 107;
        return Err(format!("field `deploy.root` is longer than paths of sockets can be, by {over} bytes"));
    }
    let services = &options.services;
    let mut known: Vec<(&str, SocketAddr)> = Vec::new();
    for (field, address) in
        [("proxy", &services.proxy), ("backend", &services.backend), ("apache-backend", &services.apache_backend)]
    {
        let address: SocketAddr = address
            .parse()
            .map_err(|_| format!("field `deploy.services.{field}` is no address and port, such as `127.0.0.1:81`"))?;
        if field != "proxy" && !address.ip().is_loopback() {
            return Err(format!(
                "field `deploy.services.{field}` must be on loopback: it answers without the proxy's checks"
            ));
        }
        let is_taken = |other: SocketAddr| {
            let (one, two) = (other.ip(), address.ip());
            other.port() == address.port() && (one == two || one.is_unspecified() || two.is_unspecified())
        };
        if let Some((other, _)) = known.iter().find(|(_, other)| is_taken(*other)) {
            return Err(format!("fields `deploy.services.{other}` and `deploy.services.{field}` are one address"));
        }
        known.push((field, address));
    }
    let user = &services.web_user;
    let letters = user.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if !letters || user.is_empty() || user.starts_with('-') {
        return Err("field `deploy.services.web-user` is no user".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
