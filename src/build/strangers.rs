//! What builds did not put into what is theirs: `gc` and `eject` leave it.

use std::io;
use std::path::Path;

use super::generated::Generated;
use super::published::Published;
use crate::disk;

/// What is at or in a hashed name that builds did not put there: such a name is not theirs alone to remove.
///
/// # Errors
/// Those of the system.
pub(super) fn stranger(vendor: &Path, published: &Published, name: &Generated) -> io::Result<Option<String>> {
    let path = vendor.join(name.to_string());
    let Some(found) = disk::look(&path)? else { return Ok(None) };
    if name.is_directory() != found.is_dir() || name.is_directory() == found.is_file() {
        return Ok(Some(name.to_string()));
    }
    if !name.is_directory() {
        return Ok(None);
    }
    let known = published.digests(name).unwrap_or_default();
    for file in disk::entries(&path)? {
        let file = format!("{name}/{}", file.display());
        let is_file = disk::look(&vendor.join(&file))?.is_some_and(|found| found.is_file());
        if !is_file || !known.contains_key(&file) {
            return Ok(Some(file));
        }
    }
    Ok(None)
}
