//! Directories into which others put files: nothing in them is what its name says until it was looked at.

use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use fs_err as fs;

/// Makes a directory, when it is not there, with exactly these bits and this group; one that is there is given them.
/// The directory above must be one in which only we make directories.
///
/// # Errors
/// Those of the system, and when something else is there.
pub fn make_directory(path: &Path, mode: u32, group: Option<u32>) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = fs::symlink_metadata(path)?;
    if !found.is_dir() {
        return Err(io::Error::new(io::ErrorKind::NotADirectory, format!("{}: not a directory", path.display())));
    }
    if group.is_some_and(|group| group != found.gid()) {
        std::os::unix::fs::lchown(path, None, group).map_err(|error| super::named(path, &error))?;
    }
    if fs::symlink_metadata(path)?.mode() & 0o7777 != mode {
        fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}

/// Reads a small regular file in a directory. A link is not followed, and a pipe or a device not waited for: both are
/// errors, as is a file with more than so many bytes.
///
/// # Errors
/// Those of the system, and the mentioned ones.
pub fn read_small(directory: &Path, name: &str, most: u64) -> io::Result<Vec<u8>> {
    let file = super::open_beneath(directory, Path::new(name))?;
    let strange = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    if !file.metadata()?.is_file() {
        return Err(strange("not a file"));
    }
    let mut content = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut content)?;
    if content.len() as u64 > most {
        return Err(strange("too large"));
    }
    Ok(content)
}

/// Gives what is at a path another one on the same file system; what is there is replaced. A link is moved as one.
///
/// # Errors
/// Those of the system.
pub fn relocate(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}
