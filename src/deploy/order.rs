//! What one app server is asked to do, and what it answers: the seam at which an engine for many servers fits.
//!
//! An order says what should be, not how to get there: applying it twice does nothing the second time. Whether it was
//! followed is judged by observing, never by the engine's reply (DEPLOY.md §5).
//!
//! Orders may come twice, late, or one after a newer one, which would bring back what was left. So an engine numbers
//! those about one wiki, each higher than all before: what is older than the newest one that arrived is not followed any
//! more.

use serde::{Deserialize, Serialize};

use super::record::Wiki;
use super::release::{ReleaseId, Sha};

/// The version of both forms.
pub const SCHEMA: u32 = 1;

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The version of this form.
    pub schema: u32,
    /// Its number among those about this wiki. One without is followed whatever came before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<u64>,
    /// What should be.
    pub action: Action,
    /// The wiki.
    pub wiki: Wiki,
    /// The release; none for an order that is not about one.
    #[serde(default)]
    pub release: Option<ReleaseId>,
    /// The commit of its code.
    #[serde(default)]
    pub code: Option<Sha>,
    /// The commit of its configuration.
    #[serde(default)]
    pub config: Option<Sha>,
}

impl Order {
    /// An order about a wiki, as the machine itself gives one.
    #[must_use]
    pub fn new(action: Action, wiki: &Wiki) -> Self {
        Self { schema: SCHEMA, serial: None, action, wiki: wiki.clone(), release: None, code: None, config: None }
    }
}

/// What should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// The server has all that the wiki needs, and serves the release, which was tried there before.
    Ensure,
    /// The release is complete under its name.
    Prepare,
    /// The release answers at the host for trying.
    Try,
    /// The release is served.
    Switch,
    /// The web server knows the wiki.
    Serve,
    /// It does not know it any more.
    Withdraw,
    /// The server has nothing of the wiki but its home.
    Remove,
}

/// What a server has of a wiki.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// The wiki.
    pub wiki: String,
    /// The number of the newest order that arrived, if they have numbers.
    pub serial: Option<u64>,
    /// Whether the web server knows the wiki.
    pub site: bool,
    /// The release that the link names.
    pub release: Option<ReleaseId>,
    /// The commit of its code.
    pub code: Option<Sha>,
    /// The commit of its configuration.
    pub config: Option<Sha>,
    /// The releases on disk.
    pub releases: Vec<ReleaseId>,
    /// Whether it answered as it should.
    pub health: Health,
}

/// Whether a wiki answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Whether it answered as it should.
    pub ok: bool,
    /// Why it is not well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
