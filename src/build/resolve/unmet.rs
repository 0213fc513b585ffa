//! What the check finds, as data and in words.

use std::fmt;

use crate::farm::ExtensionId;

/// The outcome of the check.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// Requirements that nothing meets; with one of these the extensions cannot be installed together.
    pub unmet: Vec<Unmet>,
    /// Extensions that want another extension which the tree does not have; an error for a wiki that turns them on.
    pub dangling: Vec<Dangling>,
    /// What is odd but does not stop a build.
    pub warnings: Vec<String>,
    /// What directories want of Composer itself, which did not install them: not checked.
    pub unasked: Vec<Unasked>,
}

/// A requirement on a part of Composer that directories have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unasked {
    /// The package, such as `composer/installers`.
    pub target: String,
    /// The directories, in order.
    pub directories: Vec<String>,
}

/// A requirement that the locked versions do not meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmet {
    /// Who requires: the last part of an extension's directory, a package, or the root.
    pub who: String,
    /// The file that says so, relative to the tree.
    pub file: String,
    /// The field of the file.
    pub field: String,
    /// The package it is about.
    pub target: String,
    /// The constraint, as written.
    pub wanted: String,
    /// What there is instead.
    pub problem: Problem,
}

/// Why a requirement is not met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// Nothing answers to the name.
    Missing,
    /// The package is there, in this version.
    Locked(String),
    /// Another package stands in for it, as this version.
    Offered {
        /// That package.
        by: String,
        /// What it says it replaces or provides.
        constraint: String,
    },
    /// `config.platform` gives another version, or says that it is absent.
    Platform(Option<String>),
    /// Both are there although `conflict` forbids it; this is who is meant, in which version.
    Conflict {
        /// The package, which may answer to the name by `replace` or `provide` only.
        with: String,
        /// Its version.
        version: String,
    },
    /// Both are there although the one replaces the other.
    Replaced,
    /// Composer cannot read the constraint.
    Unreadable(String),
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { who, target, .. } = self;
        let (who, wanted) = (who.escape_debug(), self.wanted.escape_debug());
        match &self.problem {
            Problem::Missing => write!(f, "`{who}` needs `{target}` {wanted}, but it is not installed"),
            Problem::Locked(version) => {
                write!(f, "`{who}` needs `{target}` {wanted}, but {} is locked", version.escape_debug())
            }
            Problem::Offered { by, constraint } => {
                let constraint = constraint.escape_debug();
                write!(f, "`{who}` needs `{target}` {wanted}, but `{by}` stands in for it as {constraint}")
            }
            Problem::Platform(Some(version)) => {
                let version = version.escape_debug();
                write!(f, "`{who}` needs `{target}` {wanted}, but `config.platform` says {version}")
            }
            Problem::Platform(None) => {
                write!(f, "`{who}` needs `{target}` {wanted}, but `config.platform` says there is none")
            }
            Problem::Conflict { with, version } => {
                let version = version.escape_debug();
                write!(f, "`{who}` conflicts with `{target}` {wanted}, but `{with}` {version} is locked")
            }
            Problem::Replaced => write!(f, "`{who}` replaces `{target}`, but both are locked"),
            Problem::Unreadable(reason) => write!(f, "`{who}` has a bad constraint on `{target}`: {reason}"),
        }
    }
}

impl Unmet {
    /// Where it is written, for the line `caused by:`.
    #[must_use]
    pub fn cause(&self) -> String {
        format!("{}, field `{}`", self.file.escape_debug(), self.field.escape_debug())
    }

    /// What to do, for the line `hint:`.
    #[must_use]
    pub fn hint(&self) -> String {
        let target = &self.target;
        match &self.problem {
            Problem::Missing => {
                format!("require `{target}` in `composer.local.json` and run `composer update {target}`")
            }
            Problem::Locked(_) => format!(
                "run `composer update {target} --with-all-dependencies`; `mwfarm why {target}` shows who else needs it"
            ),
            Problem::Offered { by, .. } => format!("update `{by}`, or require `{target}` itself"),
            Problem::Platform(_) => format!("change `config.platform.{target}` in `composer.json`, or who needs it"),
            Problem::Conflict { with, .. } => {
                format!("run `composer update {with} --with-all-dependencies`, or remove one of the two")
            }
            Problem::Replaced => format!("run `composer update {target}`, which removes the replaced package"),
            Problem::Unreadable(_) => "correct the constraint".to_owned(),
        }
    }
}

/// An extension that wants another one, by the name in its manifest, which no extension of the tree has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dangling {
    /// The one that wants it.
    pub extension: ExtensionId,
    /// Its manifest, relative to the tree.
    pub file: String,
    /// The field: `requires.extensions` or `requires.skins`.
    pub field: String,
    /// The name that is wanted.
    pub target: String,
}

impl fmt::Display for Dangling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = self.target.escape_debug();
        write!(f, "`{}` needs `{target}`, but no extension or skin of the tree has that name", self.extension)
    }
}
