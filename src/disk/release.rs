//! Files of releases: made once, in a directory that only we write to, and never changed.

use std::fs::{File, FileTimes, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use fs_err as fs;

use super::named;

/// Makes a directory with exactly this mode, whatever the umask; nothing may be there.
///
/// # Errors
/// Those of the system.
pub fn new_directory(path: &Path, mode: u32) -> io::Result<()> {
    std::fs::DirBuilder::new().mode(mode).create(path).map_err(|error| named(path, &error))?;
    if fs::symlink_metadata(path)?.mode() & 0o7777 == mode {
        return Ok(());
    }
    // The umask, or a directory above that hands down its group (2755), which is not wanted either.
    fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

/// Makes a file with mode 0644 or 0755, whatever the umask, and this time of modification; nothing may be there.
///
/// # Errors
/// Those of the system.
pub fn write_file(path: &Path, content: &[u8], executable: bool, modified: SystemTime) -> io::Result<()> {
    let mode = if executable { 0o755 } else { 0o644 };
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        file.write_all(content)?;
        file.set_permissions(std::fs::Permissions::from_mode(mode))?;
        file.set_times(FileTimes::new().set_modified(modified))
    };
    write().map_err(|error| named(path, &error))
}

/// Makes a link; nothing may be there.
///
/// # Errors
/// Those of the system.
pub fn make_link(path: &Path, target: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path).map_err(|error| named(path, &error))
}

/// Gives a file a second name, a link not followed; where the system does not, because it has too many or lies on
/// another file system, copies it with its mode and time of modification.
///
/// # Errors
/// Those of the system, and that something is there.
pub fn link_file(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::io::Errno;
    match rustix::fs::linkat(rustix::fs::CWD, from, rustix::fs::CWD, to, rustix::fs::AtFlags::empty()) {
        Ok(()) => Ok(()),
        Err(Errno::MLINK | Errno::XDEV | Errno::PERM) => {
            let there = fs::symlink_metadata(from)?;
            write_file(to, &fs::read(from)?, there.mode() & 0o100 != 0, there.modified()?)
        }
        Err(error) => Err(named(to, &error.into())),
    }
}

/// Makes everything on the file system of a directory durable.
///
/// # Errors
/// Those of the system: also what failed to be written before.
pub fn sync_file_system(directory: &Path) -> io::Result<()> {
    Ok(rustix::fs::syncfs(&File::open(directory)?)?)
}

/// Puts a finished directory in its place, where nothing or an empty directory is, durably.
///
/// # Errors
/// Those of the system.
pub fn publish(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    File::open(to.parent().unwrap_or(Path::new(".")))?.sync_all()
}

/// All that is below a directory, with its path from there; what is in a directory comes after it. No link is followed.
///
/// # Errors
/// Those of the system.
pub fn walk(directory: &Path) -> io::Result<Vec<(PathBuf, Metadata)>> {
    let mut found = Vec::new();
    let mut left = vec![PathBuf::new()];
    while let Some(below) = left.pop() {
        for entry in fs::read_dir(directory.join(&below))? {
            let entry = entry?;
            let path = below.join(entry.file_name());
            let metadata = entry.metadata()?;
            if metadata.is_dir() {
                left.push(path.clone());
            }
            found.push((path, metadata));
        }
    }
    Ok(found)
}
