//! File systems that are mounted for a test.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system that is mounted as long as this lives.
#[derive(Debug)]
pub(crate) struct Mount(PathBuf);

impl Mount {
    /// A file system in memory, with these options (`size=12m`, `nr_inodes=40`). None where even root may not mount one,
    /// as in many containers.
    pub(crate) fn memory(at: &Path, options: &str) -> Option<Self> {
        Self::new(&["-t", "tmpfs", "-o", &format!("{options},mode=755"), "none"], at)
    }

    /// What is there, read-only. None as for [`Self::memory`].
    pub(crate) fn read_only(at: &Path) -> Option<Self> {
        let mount = Self::new(&["--bind", at.to_str().expect("UTF-8")], at)?;
        Self::run(Command::new("mount").args(["-o", "remount,bind,ro"]).arg(at))?;
        Some(mount)
    }

    fn new(arguments: &[&str], at: &Path) -> Option<Self> {
        Self::run(Command::new("mount").args(arguments).arg(at))?;
        Some(Self(at.to_owned()))
    }

    fn run(command: &mut Command) -> Option<()> {
        let output = command.output().expect("mount");
        let said = String::from_utf8_lossy(&output.stderr);
        let forbidden =
            ["permission denied", "not permitted", "must be superuser"].iter().any(|why| said.contains(why));
        assert!(output.status.success() || forbidden, "{said}");
        output.status.success().then_some(())
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}
