//! The OPcache of PHP-FPM, which all pools share. It keeps what was compiled of every release, also of those that are
//! served no more, and when it is full nothing of a new one is kept any longer: each request compiles all of it. Nothing
//! but PHP itself can let it forget, in a pool that is there for that.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::fpm;
use crate::deploy::layout::Layout;
use crate::disk;
use crate::fastcgi;
use crate::report::{ExitCode, Problem};

/// What PHP runs.
const SCRIPT: &str = include_str!("../../../php/deploy/opcache.php");

/// How much of the memory has to be wasted until OPcache begins anew when it is full, in percent: PHP's own default. When
/// less than that is free, there is no place for many files any more.
const PERCENT: u64 = 5;

/// What OPcache is like, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Memory {
    /// Whether it is on.
    pub on: bool,
    /// How many files it has just forgotten.
    pub forgotten: u64,
    /// Whether it has no place for what is new.
    pub full: bool,
    /// How often it has begun anew because of that.
    pub restarts: u64,
    /// What is in use.
    pub used: u64,
    /// What is free.
    pub free: u64,
    /// What was forgotten before.
    pub wasted: u64,
}

impl Memory {
    /// Whether it is full of what is served: then it does not begin anew.
    #[must_use]
    pub fn is_too_small(&self) -> bool {
        let little = |bytes: u64| bytes * 100 < PERCENT * self.total();
        self.on && (self.full || little(self.free)) && little(self.wasted)
    }

    /// All of it.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.used + self.free + self.wasted
    }
}

/// Where the script is. PHP runs it whatever its name ends in; nothing else does.
pub(super) fn script(layout: &Layout) -> PathBuf {
    layout.etc().join("php/opcache.mwfarm")
}

/// Lets it forget what is below some directories, but for what is in `kept` there. `None` where there is no PHP-FPM of
/// ours: it is not in use, or does not run.
///
/// # Errors
/// PHP does not run the script, or the system refuses to write it.
pub fn forget(layout: &Layout, below: &[PathBuf], kept: Option<&str>) -> Result<Option<Memory>, Problem> {
    let socket = fpm::probe_socket(layout);
    if disk::look(&socket).map_err(|error| unusable(&socket, &error))?.is_none() {
        return Ok(None);
    }
    let script = script(layout);
    write(&script).map_err(|error| unusable(&script, &error))?;
    let file = script.to_string_lossy();
    let below = below.iter().map(|directory| format!("{}/", directory.display())).collect::<Vec<_>>().join("\n");
    let parameters = [
        ("REQUEST_METHOD", "GET"),
        ("SCRIPT_NAME", "/opcache"),
        ("SCRIPT_FILENAME", &*file),
        ("MWFARM_BELOW", &below),
        ("MWFARM_KEPT", kept.unwrap_or_default()),
    ];
    let answer = match fpm::ask(layout, &parameters) {
        Ok(answer) => answer,
        Err(fastcgi::Error::Connect { .. }) => return Ok(None),
        Err(error) => return Err(failed(&error.to_string())),
    };
    serde_json::from_slice(&answer.body).map(Some).map_err(|_| failed(&excerpt(&answer.body, answer.status)))
}

fn write(script: &Path) -> std::io::Result<()> {
    if disk::read_optional(script)?.as_deref() == Some(SCRIPT.as_bytes()) {
        return Ok(());
    }
    disk::make_directories(script.parent().unwrap_or(Path::new("/")))?;
    disk::replace(script, SCRIPT.as_bytes(), 0o644)
}

fn failed(cause: &str) -> Problem {
    Problem::new(ExitCode::Failed, "PHP-FPM's OPcache cannot be told what is served no more").cause(cause)
}

fn excerpt(body: &[u8], status: u16) -> String {
    let text: String = String::from_utf8_lossy(body).chars().take(200).collect();
    format!("status {status}: {}", text.trim().escape_debug())
}

fn unusable(path: &Path, error: &std::io::Error) -> Problem {
    Problem::new(ExitCode::Failed, format!("cannot use `{}`", path.display())).cause(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_is_too_small_when_nothing_of_it_is_wasted() {
        let memory = |full, free, wasted| {
            let (on, forgotten, restarts, used) = (true, 0, 0, 100 - free - wasted);
            Memory { on, forgotten, full, restarts, used, free, wasted }
        };
        assert!(memory(true, 6, 4).is_too_small() && memory(false, 4, 4).is_too_small());
        assert!(!memory(true, 0, 5).is_too_small() && !memory(false, 5, 0).is_too_small());
        // It is off.
        assert!(!Memory { on: false, ..memory(false, 0, 0) }.is_too_small());
    }
}
