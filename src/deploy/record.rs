//! What the registry knows of a wiki.

use serde::{Deserialize, Serialize};

use super::name::Name;
use super::options::{Backend, Options};
use super::release::Sha;
use crate::farm::Host;

/// The version of the form of a record.
pub const SCHEMA: u32 = 1;

/// A wiki of the registry: `var/lib/mwfarm/wikis/<wiki>.json`. Which release is served is not in it: the link says that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wiki {
    /// The version of this form.
    pub schema: u32,
    /// Its name.
    pub name: Name,
    /// How far it is.
    pub state: State,
    /// Where it answers.
    pub host: Host,
    /// The full ref of its branch: `refs/heads/wiki/alpha`.
    pub branch: String,
    /// What the branch began with: a commit, or a ref of the core repository.
    pub base: String,
    /// Its user and group, from the farm's range; `None` where all wikis run as mwfarm does.
    pub uid: Option<u32>,
    /// What serves it; `None`: what serves the farm's wikis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub web: Option<Backend>,
    /// Who asked for it and may become it.
    pub owners: Vec<String>,
    /// When it was asked for, in seconds since 1970.
    pub created: u64,
    /// When it is archived by `expire`, in seconds since 1970.
    pub expires: Option<u64>,
    /// Why pushes are not deployed.
    pub held: Option<Held>,
    /// The hold that the attempt at work leaves, should its release come to be served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub will_hold: Option<Held>,
    /// What broke.
    pub broken: Option<Broken>,
    /// What should be served, as far as pushes told.
    pub desired: Option<Desired>,
    /// What is never deployed again by itself.
    pub bad: Vec<Bad>,
    /// The newest configuration, if it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refused>,
    /// The number of the next attempt.
    pub next: u64,
}

/// How far a wiki is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Its name and number are taken; nothing else is sure.
    Provisioning,
    /// It is served.
    Ready,
    /// It is not served; everything of it is kept.
    Archived,
    /// It is being deleted: what is left of it goes.
    Deleting,
}

impl State {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Provisioning => "provisioning",
            Self::Ready => "ready",
            Self::Archived => "archived",
            Self::Deleting => "deleting",
        }
    }
}

/// Why pushes to a wiki wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Who holds it.
    pub by: String,
    /// Why.
    pub why: String,
    /// Since when, in seconds since 1970.
    pub since: u64,
    /// Whether a deploy left it, that went back or took a commit by hand: more deploys by hand may follow.
    #[serde(default)]
    pub by_deploy: bool,
}

/// A step that failed and that nobody has repeated yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broken {
    /// The step.
    pub step: String,
    /// What failed, with its causes.
    pub error: String,
    /// What an operator has to do; without it, repeating is enough.
    pub needs_operator: Option<String>,
}

/// What a push asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Desired {
    /// The commit of the code.
    pub code: Sha,
    /// What told: `gerrit`, `hook`, `webhook`, `reconcile`, `deploy`.
    pub event: String,
}

/// A commit, with a configuration, that was served badly or left by a rollback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bad {
    /// The commit of the code.
    pub code: Sha,
    /// That of the configuration.
    pub config: Option<Sha>,
    /// Why.
    pub why: String,
}

/// A commit of the configuration that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The commit.
    pub config: Sha,
    /// Why.
    pub why: String,
    /// When it was looked at, in seconds since 1970.
    pub at: u64,
}

impl Held {
    /// The hold after update.php has failed, or was cut off, so often for a commit.
    #[must_use]
    pub fn after_tries(tries: usize, code: &Sha) -> Self {
        let why = format!("update.php has failed {tries} times for {}", code.short());
        Self { by: "mwfarm".to_owned(), why, since: crate::disk::now(), by_deploy: true }
    }

    /// What is told of it.
    #[must_use]
    pub fn told(&self, wiki: &Name) -> String {
        format!("`{wiki}` is held by {}: {}", self.by, self.why)
    }
}

impl Wiki {
    /// A wiki that is not made yet, of nobody's, without an end.
    #[must_use]
    pub fn new(name: Name, host: Host, base: &str, uid: Option<u32>) -> Self {
        Self {
            schema: SCHEMA,
            state: State::Provisioning,
            host,
            branch: Options::branch(&name),
            name,
            base: base.to_owned(),
            uid,
            web: None,
            owners: Vec::new(),
            created: 0,
            expires: None,
            held: None,
            will_hold: None,
            broken: None,
            desired: None,
            bad: Vec::new(),
            refused: None,
            next: 1,
        }
    }

    /// An attempt has come to its end: the hold that it promised is one if its release is served, and else is none. Says
    /// whether there was one.
    pub fn keep_promise(&mut self, is_served: bool) -> bool {
        let promised = self.will_hold.take();
        let was_promised = promised.is_some();
        if is_served && was_promised {
            self.held = promised;
        }
        was_promised
    }

    /// Marks a pair as bad, unless it is marked.
    pub fn mark_bad(&mut self, code: &Sha, config: Option<&Sha>, why: &str) {
        if self.is_bad(code, config).is_none() {
            self.bad.push(Bad { code: code.clone(), config: config.cloned(), why: why.to_owned() });
        }
    }

    /// Takes the mark of a pair away.
    pub fn unmark(&mut self, code: &Sha, config: Option<&Sha>) {
        self.bad.retain(|bad| bad.code != *code || bad.config.as_ref() != config);
    }

    /// Whether this pair was found to be bad.
    #[must_use]
    pub fn is_bad(&self, code: &Sha, config: Option<&Sha>) -> Option<&Bad> {
        self.bad.iter().find(|bad| bad.code == *code && bad.config.as_ref() == config)
    }
}
