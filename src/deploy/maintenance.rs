//! Maintenance scripts of MediaWiki, run as a wiki's user with the code and settings of one release.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::name::Name;
use crate::process::{Environment, Program, User};

/// A wiki's release, as scripts see it.
#[derive(Debug, Clone)]
pub struct Site<'s> {
    /// The PHP program.
    pub php: &'s Path,
    /// The wiki.
    pub name: &'s Name,
    /// The release's directory.
    pub tree: PathBuf,
    /// Whom scripts run as.
    pub user: Option<User>,
    /// The wiki's home.
    pub home: PathBuf,
}

impl Site<'_> {
    /// A script with all that it is started with. `file` is relative to the tree.
    #[must_use]
    pub fn script(&self, file: &str, arguments: &[OsString]) -> Program {
        let mut all: Vec<OsString> = Vec::new();
        for (setting, value) in [
            ("sys_temp_dir", self.home.join("tmp")),
            ("upload_tmp_dir", self.home.join("tmp")),
            ("session.save_path", self.home.join("tmp")),
        ] {
            let mut setting = OsString::from(format!("{setting}="));
            setting.push(value);
            all.extend(["-d".into(), setting]);
        }
        let runner = self.tree.join("maintenance/run.php");
        if runner.is_file() && !file.ends_with("run.php") {
            all.push(runner.into());
        }
        all.push(self.tree.join(file).into());
        all.extend(arguments.iter().cloned());
        Program {
            program: self.php.to_owned(),
            arguments: all,
            directory: self.tree.clone(),
            environment: Environment::Clean(self.variables()),
            user: self.user,
            limits: None,
        }
    }

    /// The variables that lead MediaWiki to this release and its settings.
    #[must_use]
    pub fn variables(&self) -> Vec<(OsString, OsString)> {
        vec![
            ("MWFARM_WIKI".into(), self.name.as_str().into()),
            ("MW_CONFIG_FILE".into(), self.tree.join(".mwfarm/settings.php").into()),
            ("MW_INSTALL_PATH".into(), self.tree.clone().into()),
            ("HOME".into(), self.home.clone().into()),
            // Not that of whoever calls, with directories of their own.
            ("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into()),
            ("TMPDIR".into(), self.home.join("tmp").into()),
        ]
    }

    /// Whether the tree has a file.
    #[must_use]
    pub fn has(&self, file: &str) -> bool {
        self.tree.join(file).is_file()
    }
}
