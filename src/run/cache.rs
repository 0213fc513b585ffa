//! Where scans are kept: what the environment says of it.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::build::Cache;

/// Names the directory. As in Composer's variable `COMPOSER_CACHE_DIR`, `/dev/null` stands for none.
const VARIABLE: &str = "MWFARM_CACHE_DIR";

/// The directory that the environment says, unless none is wanted; none either where there is no home, as for users of
/// services. `$XDG_CACHE_HOME` counts only when it is absolute, as its specification has it.
pub(super) fn find(none: bool) -> Option<Cache> {
    let directory = directory(|name| std::env::var_os(name).map(PathBuf::from)).filter(|_| !none)?;
    Some(Cache { directory, clock: SystemTime::now })
}

fn directory(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let given = |name| variable(name).filter(|path| !path.as_os_str().is_empty());
    let absolute = |name| given(name).filter(|path| path.is_absolute());
    let home = || Some(absolute("HOME").filter(|home| home.is_dir())?.join(".cache"));
    match given(VARIABLE) {
        Some(path) => Some(path).filter(|path| path != Path::new("/dev/null")),
        None => Some(absolute("XDG_CACHE_HOME").or_else(home)?.join("mwfarm")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Option<PathBuf> {
        directory(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| PathBuf::from(value)))
    }

    #[test]
    fn the_directory_is_the_one_that_is_named_or_the_users_own() {
        let path = |path: &str| Some(PathBuf::from(path));
        let xdg = ("XDG_CACHE_HOME", "/var/cache/me");
        assert_eq!(of(&[(VARIABLE, "/c"), xdg, ("HOME", "/")]), path("/c"));
        assert_eq!(of(&[(VARIABLE, "relative"), ("HOME", "/")]), path("relative"));
        assert_eq!(of(&[(VARIABLE, ""), xdg, ("HOME", "/")]), path("/var/cache/me/mwfarm"));
        assert_eq!(of(&[("XDG_CACHE_HOME", "relative"), ("HOME", "/")]), path("/.cache/mwfarm"));
        assert_eq!(of(&[("HOME", "/")]), path("/.cache/mwfarm"));
    }

    #[test]
    fn without_a_home_there_is_none() {
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[("HOME", "")]), None);
        assert_eq!(of(&[("HOME", "relative")]), None);
        assert_eq!(of(&[("HOME", "/nonexistent/home")]), None);
    }

    #[test]
    fn who_wants_none_gets_none() {
        assert_eq!(of(&[(VARIABLE, "/dev/null"), ("HOME", "/")]), None);
        assert!(find(true).is_none());
    }
}
