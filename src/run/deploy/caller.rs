//! Who may work as a wiki's user: root, and with sudo the wiki's owners.
//!
//! Rules of sudo know arguments by patterns only, in which `*` stands for any number of them. So what a rule for `wiki
//! become *` and `run *` lets through is decided here.

use std::path::Path;

use crate::cli::{self, ConfigDir};
use crate::deploy::options;
use crate::deploy::record::Wiki;
use crate::report::{ExitCode, Problem};

/// The user who called us by sudo; `None` for root.
fn caller() -> Option<String> {
    std::env::var_os("SUDO_USER")
        .map(|user| user.to_string_lossy().into_owned())
        .filter(|user| !user.is_empty() && user != "root")
}

/// Refuses other farms than that of this machine, for callers by sudo: `mwfarm.yml` names programs that root runs.
///
/// # Errors
/// It is refused.
pub(in crate::run) fn check_farm(config: &ConfigDir) -> Result<(), Vec<Problem>> {
    match (caller(), &config.config_dir) {
        (Some(user), Some(directory)) if is_refused(directory, Path::new(cli::CONFIG_DIR)) => {
            let what = format!("`{}` may not choose a farm with `--config-dir`", user.escape_debug());
            let hint = format!("with sudo, the farm is that of `{}`", cli::CONFIG_DIR);
            Err(vec![Problem::new(ExitCode::Usage, what).hint(hint)])
        }
        _ => Ok(()),
    }
}

fn is_refused(directory: &Path, default: &Path) -> bool {
    // Farms of one code tree have no owners.
    directory != default && (options::is_there(default) || options::is_there(directory))
}

/// Refuses callers by sudo who do not own the wiki.
///
/// # Errors
/// It is refused.
pub(super) fn check_owner(wiki: &Wiki) -> Result<(), Problem> {
    match caller() {
        Some(user) => check(wiki, &user),
        None => Ok(()),
    }
}

fn check(wiki: &Wiki, user: &str) -> Result<(), Problem> {
    if wiki.owners.iter().any(|owner| owner == user) {
        return Ok(());
    }
    let what = format!("`{}` does not own `{}`", user.escape_debug(), wiki.name);
    let hint = "owners are those whom `mwfarm wiki create --owner USER` named; root may do it without being asked";
    Err(Problem::new(ExitCode::Usage, what).hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::name::Name;
    use crate::farm::Host;

    #[test]
    fn owners_only_are_let_in() {
        let wiki = Wiki {
            owners: vec!["carol".to_owned(), "dave".to_owned()],
            ..Wiki::new(Name::new("alpha").unwrap(), Host::new("alpha.wiki.test").unwrap(), "refs/heads/main", None)
        };
        assert!(check(&wiki, "carol").is_ok() && check(&wiki, "dave").is_ok());
        for user in ["eve", "", "caro", "carol ", "root", "wiki-alpha"] {
            let problem = check(&wiki, user).unwrap_err();
            assert_eq!(problem.exit, ExitCode::Usage, "{user}");
        }
    }

    #[test]
    fn the_default_farm_may_be_named_and_no_other_deployed_one() {
        let farm = |text: &str| {
            let directory = tempfile::tempdir().unwrap();
            std::fs::write(directory.path().join(options::FILE), text).unwrap();
            directory
        };
        let (deployed, plain) = (farm("deploy: {zone: a.test, core: /core.git}\n"), farm("php: php\n"));
        assert!(is_refused(deployed.path(), plain.path()));
        assert!(is_refused(plain.path(), deployed.path()));
        assert!(!is_refused(deployed.path(), deployed.path()));
        assert!(!is_refused(plain.path(), Path::new("/nonexistent")));
    }
}
