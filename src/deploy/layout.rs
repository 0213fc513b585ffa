//! Where everything of a deployed farm is: the document's paths, below one configurable root.
//!
//! ```text
//! srv/deployment/mediawiki/common              bare reference repository; refs/deployed/<wiki>/<sha> pin what is in use
//! srv/deployment/mediawiki/config/<wiki>.git   bare copies of the wikis' configuration, which only root writes
//! srv/deployment/releases/<wiki>/<seq>-<sha12>/     immutable; the directory above lets in the wiki and the web server
//!     REVISION                                 the commit
//!     LocalSettings.php -> data/project/<wiki>/config/LocalSettings.php
//!     .mwfarm/{release.json, settings.php, farm.php, config/}     only the wiki's group reads these
//! srv/deployment/servicegroup/<wiki> -> ../releases/<wiki>/<seq>-<sha12>       switched by rename
//! srv/deployment/next/<wiki> -> ../releases/<wiki>/<seq>-<sha12>               what is tried before it has traffic
//! data/project/<wiki>/{config, config.git-work/, images/, cache/, tmp/, db/, logs/}
//! srv/private/<wiki>.git                       secrets, root only
//! run/mwfarm/secrets/<wiki>.php                what of them the wiki may read
//! run/mwfarm/fpm/<wiki>.sock
//! var/lib/mwfarm/{wikis/<wiki>.json, journal/<wiki>.{jsonl, jsonl.1, audit.jsonl}}
//! var/lib/mwfarm/{queue/{new,cur}/, locks/, tmp/, ids.json, cleaned}
//! var/lib/mwfarm/agent/<wiki>.json             what an engine has told this server of a wiki
//! etc/mwfarm/{nginx.d, fpm.d, apache.d}/<wiki>.conf, proxy.map, users.acl, LocalSettings.php
//! ```

use std::path::{Path, PathBuf};

use super::name::Name;
use super::release::ReleaseId;

/// The root of a deployed farm; all its paths are below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// The layout below a root, `/` outside of tests. The root has to be absolute and without links.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// The root itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The bare reference repository.
    #[must_use]
    pub fn core(&self) -> PathBuf {
        self.root.join("srv/deployment/mediawiki/common")
    }

    /// The bare copy of a wiki's configuration repository.
    #[must_use]
    pub fn config_copy(&self, name: &Name) -> PathBuf {
        self.root.join(format!("srv/deployment/mediawiki/config/{name}.git"))
    }

    /// The directory of a wiki's releases. It alone decides who comes in.
    #[must_use]
    pub fn releases(&self, name: &Name) -> PathBuf {
        self.root.join("srv/deployment/releases").join(name.as_str())
    }

    /// A release.
    #[must_use]
    pub fn release(&self, name: &Name, release: &ReleaseId) -> PathBuf {
        self.releases(name).join(release.to_string())
    }

    /// The link to the release that is served.
    #[must_use]
    pub fn current(&self, name: &Name) -> PathBuf {
        self.root.join("srv/deployment/servicegroup").join(name.as_str())
    }

    /// The link to the release that is tried.
    #[must_use]
    pub fn next(&self, name: &Name) -> PathBuf {
        self.root.join("srv/deployment/next").join(name.as_str())
    }

    /// What both links hold for a release.
    #[must_use]
    pub fn link_target(name: &Name, release: &ReleaseId) -> String {
        format!("../releases/{name}/{release}")
    }

    /// The directory of the homes of all wikis' groups.
    #[must_use]
    pub fn homes(&self) -> PathBuf {
        self.root.join("data/project")
    }

    /// The home of the wiki's group.
    #[must_use]
    pub fn home(&self, name: &Name) -> PathBuf {
        self.homes().join(name.as_str())
    }

    /// The repository of a wiki's secrets.
    #[must_use]
    pub fn private(&self, name: &Name) -> PathBuf {
        self.root.join(format!("srv/private/{name}.git"))
    }

    /// What of its secrets a wiki may read.
    #[must_use]
    pub fn secrets(&self, name: &Name) -> PathBuf {
        self.root.join(format!("run/mwfarm/secrets/{name}.php"))
    }

    /// Where MediaWiki's installer works, as long as it does.
    #[must_use]
    pub fn installer(&self, name: &Name) -> PathBuf {
        self.root.join(format!("run/mwfarm/secrets/{name}.install"))
    }

    /// The directory of the sockets of PHP-FPM's pools.
    #[must_use]
    pub fn sockets(&self) -> PathBuf {
        self.root.join("run/mwfarm/fpm")
    }

    /// The socket of a wiki's PHP-FPM pool.
    #[must_use]
    pub fn socket(&self, name: &Name) -> PathBuf {
        self.sockets().join(format!("{name}.sock"))
    }

    /// The farm's own state.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.root.join("var/lib/mwfarm")
    }

    /// The registry's record of a wiki.
    #[must_use]
    pub fn record(&self, name: &Name) -> PathBuf {
        self.state().join(format!("wikis/{name}.json"))
    }

    /// The journal of a wiki.
    #[must_use]
    pub fn journal(&self, name: &Name) -> PathBuf {
        self.state().join(format!("journal/{name}.jsonl"))
    }

    /// Who became a wiki, and ran its scripts. No wiki's name has a dot.
    #[must_use]
    pub fn audit(&self, name: &Name) -> PathBuf {
        self.state().join(format!("journal/{name}.audit.jsonl"))
    }

    /// The directory of what engines have told this server.
    #[must_use]
    pub fn agent(&self) -> PathBuf {
        self.state().join("agent")
    }

    /// The spool of pushes that were not looked at yet.
    #[must_use]
    pub fn queue(&self) -> PathBuf {
        self.state().join("queue")
    }

    /// The time at which the core repository was cleaned last, in seconds since 1970.
    #[must_use]
    pub fn cleaned(&self) -> PathBuf {
        self.state().join("cleaned")
    }

    /// The directory of files that are locked and never removed.
    #[must_use]
    pub fn locks(&self) -> PathBuf {
        self.state().join("locks")
    }

    /// What is not finished. On the same file system as the releases, which are renamed out of it.
    #[must_use]
    pub fn staging(&self) -> PathBuf {
        self.root.join("srv/deployment/releases/.tmp")
    }

    /// The directory of generated configuration.
    #[must_use]
    pub fn etc(&self) -> PathBuf {
        self.root.join("etc/mwfarm")
    }
}
