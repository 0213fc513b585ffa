//! Reads `mwfarm.yml` beside the farm's files: where the code is, and where the farm is compiled to.
//!
//! ```yaml
//! code: /srv/mediawiki        # versions of MediaWiki below it; without, the farm has one MediaWiki (`tree`, or -d)
//! output: /var/lib/mwfarm     # what is compiled
//! php: /usr/bin/php8.2        # runs maintenance scripts, and evaluates PHP files of the configuration
//! freshness: compiled         # or `check`: each request looks whether the configuration has changed
//! invalidate: ['unix:/run/php/php8.2-fpm.sock']
//! drain: 2                    # seconds between the last request and update.php
//! build: { classmap-authoritative: true, autoloader: fast }     # the flags of `mwfarm build`
//! ```

use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

use crate::disk;

/// The file's name.
pub const FILE: &str = "mwfarm.yml";

/// Where a farm is compiled to when nothing else is said.
const OUTPUT: &str = "/var/lib/mwfarm";

/// Larger files are refused.
const MAX_BYTES: usize = 64 * 1024;

/// What `mwfarm.yml` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The configuration directory.
    pub config: PathBuf,
    /// The one MediaWiki of a farm without versions, when the file names it.
    pub tree: Option<PathBuf>,
    /// The directory that holds a directory for each version.
    pub code: Option<PathBuf>,
    /// What is compiled.
    pub output: PathBuf,
    /// The PHP program.
    pub php: PathBuf,
    /// Whether requests look for changes.
    pub freshness: Freshness,
    /// How many seconds update.php waits for requests that were let in before.
    pub drain: u64,
    /// How packages are loaded.
    pub build: Build,
    /// Pools of PHP-FPM that are told when something is published: `unix:PATH`, `tcp:HOST:PORT`.
    pub invalidate: Vec<String>,
}

/// Whether requests look for changes of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Freshness {
    /// They do not: what was compiled last is the configuration.
    #[default]
    Compiled,
    /// They do, and compile it again: for development.
    Check,
}

/// The flags of `mwfarm build` that are the same each time.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Build {
    /// `--optimize-autoloader`
    pub optimize_autoloader: bool,
    /// `--classmap-authoritative`
    pub classmap_authoritative: bool,
    /// `--autoloader`
    pub autoloader: Autoloader,
    /// `--absolute-paths`
    pub absolute_paths: bool,
    /// `--mediawikifarm`
    pub mediawikifarm: bool,
}

/// How classes are loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Autoloader {
    /// By the registered loader's method, as Composer does.
    #[default]
    Compatible,
    /// By a function.
    Fast,
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
#[serde(deny_unknown_fields)]
struct Written {
    tree: Option<PathBuf>,
    code: Option<PathBuf>,
    output: Option<PathBuf>,
    php: Option<PathBuf>,
    #[serde(default)]
    freshness: Freshness,
    drain: Option<u64>,
    #[serde(default)]
    build: Build,
    #[serde(default)]
    invalidate: Vec<String>,
    /// Said for `mwfarm deploy`, which reads it by itself.
    #[serde(rename = "deploy")]
    _deploy: Option<serde::de::IgnoredAny>,
}

/// Reads the file; one that is missing says nothing. Paths in it are relative to its directory.
///
/// # Errors
/// It cannot be read, or a field is unknown or of another kind.
pub fn read(config: &Path) -> Result<Options, Error> {
    let file = config.join(FILE);
    let wrong = |reason: String| Error { file: file.clone(), reason };
    if !config.is_dir() {
        return Err(Error { file: config.to_owned(), reason: "is no directory".to_owned() });
    }
    let bytes = disk::read_optional(&file).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let bytes = bytes.unwrap_or_default();
    if bytes.len() > MAX_BYTES {
        return Err(wrong(format!("is larger than {MAX_BYTES} bytes")));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| wrong("is not UTF-8".to_owned()))?;
    let nothing = text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'));
    let written: Written = if nothing {
        Written::default()
    } else {
        serde_saphyr::from_str(text).map_err(|error| {
            let message = error.without_snippet().render_with_formatter(&serde_saphyr::UserMessageFormatter);
            wrong(format!("does not fit: {}", message.lines().next().unwrap_or_default().escape_debug()))
        })?
    };
    if written.tree.is_some() && written.code.is_some() {
        return Err(wrong("has both `tree`, for one MediaWiki, and `code`, for several".to_owned()));
    }
    // Generated PHP names these, whatever directory it runs in.
    let config = disk::real_path(config).map_err(|error| wrong(format!("is not there: {error}")))?;
    let absolute = |path: PathBuf| folded(&config.join(path));
    Ok(Options {
        tree: written.tree.map(absolute),
        code: written.code.map(absolute),
        output: absolute(written.output.unwrap_or_else(|| OUTPUT.into())),
        php: written.php.unwrap_or_else(|| "php".into()),
        freshness: written.freshness,
        drain: written.drain.unwrap_or(2).min(600),
        build: written.build,
        invalidate: written.invalidate,
        config,
    })
}

/// The path without `.` and `..`, as they are read and not as links would have them.
fn folded(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut folded, component| {
        if component == Component::ParentDir {
            folded.pop();
        } else {
            folded.push(component);
        }
        folded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: Option<&str>) -> Result<Options, String> {
        let directory = tempfile::tempdir().expect("a directory");
        if let Some(text) = text {
            std::fs::write(directory.path().join(FILE), text).expect("written");
        }
        read(directory.path()).map_err(|error| error.reason)
    }

    #[test]
    fn nothing_has_to_be_said() {
        for text in [None, Some(""), Some("# nothing\n\n")] {
            let options = options(text).expect("good");
            assert_eq!((options.tree, options.code), (None, None));
            assert_eq!((options.output, options.php), (OUTPUT.into(), "php".into()));
        }
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let options = options(Some("code: ../code/\noutput: /var/farm\nfreshness: check\n")).expect("good");
        assert_eq!(options.code, options.config.parent().map(|parent| parent.join("code")));
        assert_eq!((options.output, options.freshness), ("/var/farm".into(), Freshness::Check));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (text, reason) in [
            ("tree: a\ncode: b\n", "has both `tree`"),
            ("codes: b\n", "does not fit: unknown field"),
            ("freshness: never\n", "does not fit: "),
            ("invalidate: a\n", "does not fit: "),
            ("code: [a\n", "does not fit: "),
        ] {
            let found = options(Some(text)).expect_err("refused");
            assert!(found.starts_with(reason), "{text}: {found}");
        }
    }
}
