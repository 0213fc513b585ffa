//! Reading what may be missing, and publishing: the one place that writes files.
//!
//! Nothing is written or removed through a symbolic link: new files are made with `O_EXCL` in a staging directory of
//! our own, and reach their place by `rename`, which replaces a link rather than following it.

mod cache;
mod facts;
mod lock;
mod owned;
mod release;
mod spool;
mod staging;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{File, FileTimes, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use fs_err as fs;

pub use cache::Cache;
pub use facts::{Kind, files_below, is_directory, kinds, permissions, size};
pub use lock::{Lock, LockError};
pub use owned::{Guest, Owner, is_our_link, link_new, own_directory, own_file, remove_name, rename_new};
pub use release::{link_file, make_link, new_directory, publish, sync_file_system, walk, write_file};
pub use spool::{make_directory, read_small, relocate};
pub use staging::{STAGING, Staging};

/// The largest file that is read as a whole, in bytes: far more than any that mwfarm writes or reads here.
pub const LARGEST: u64 = 256 << 20;

/// Reads a file that may be missing.
///
/// # Errors
/// Those of the system except that there is no such file; that there is something else, such as a pipe; and that the
/// file is larger than any should be.
pub fn read_optional(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let refuse = |reason: &str| Err(named(path, &io::Error::other(reason)));
    let read = || {
        let metadata = fs::metadata(path)?;
        match metadata.len() {
            _ if !metadata.is_file() => refuse("not a file"),
            length if length > LARGEST => refuse("it is larger than 256 MiB"),
            _ => fs::read(path),
        }
    };
    match read() {
        Ok(content) => Ok(Some(content)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads a file that may be missing, with its permission bits.
///
/// # Errors
/// Those of the system except that there is no such file.
pub fn read_optional_with_mode(path: &Path) -> io::Result<Option<(Vec<u8>, u32)>> {
    let Some(content) = read_optional(path)? else { return Ok(None) };
    Ok(Some((content, fs::metadata(path)?.mode() & 0o7777)))
}

/// Opens a file to read. Should a pipe have taken its place, opening it does not wait for a writer.
///
/// # Errors
/// Those of the system.
pub fn open(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Opens a file below a directory to read; no link on the way there is followed, and a pipe does not wait.
///
/// # Errors
/// Those of the system: when the path is absolute, holds `..` or a link.
pub fn open_beneath(directory: &Path, path: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags, ResolveFlags};
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let root = File::open(directory)?;
    match rustix::fs::openat2(&root, path, flags, Mode::empty(), ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS) {
        Ok(file) => Ok(file.into()),
        // Kernels before 5.6, and sandboxes that refuse the call: the path was found to have no links just before.
        Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => {
            Ok(rustix::fs::openat(&root, path, flags | OFlags::NOFOLLOW, Mode::empty())?.into())
        }
        Err(error) => Err(error.into()),
    }
}

/// The time, in whole seconds since 1970.
#[must_use]
pub fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// All names in a directory, whatever their bytes.
///
/// # Errors
/// Those of the system.
pub fn entries(directory: &Path) -> io::Result<BTreeSet<OsString>> {
    fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.file_name())).collect()
}

/// The UTF-8 names in a directory, none when it does not exist.
///
/// # Errors
/// Those of the system except that there is no such directory.
pub fn names(directory: &Path) -> io::Result<BTreeSet<String>> {
    match fs::read_dir(directory) {
        Ok(entries) => {
            entries.filter_map(|entry| entry.map(|entry| entry.file_name().into_string().ok()).transpose()).collect()
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(error) => Err(error),
    }
}

/// What is at a path, without following a link there; `None` when nothing is.
///
/// # Errors
/// Those of the system except that there is nothing.
pub fn look(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What is in a directory under one name, a link not followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A directory.
    Directory,
    /// A link, with its target as written.
    Link(PathBuf),
    /// A file or anything else.
    Other,
}

/// Looks at a path without following a link there; `None` when nothing is there.
///
/// # Errors
/// Those of the system except that there is nothing.
pub fn find(path: &Path) -> io::Result<Option<Found>> {
    let Some(metadata) = look(path)? else { return Ok(None) };
    Ok(Some(match metadata {
        metadata if metadata.is_dir() => Found::Directory,
        metadata if metadata.is_symlink() => Found::Link(fs::read_link(path)?),
        _ => Found::Other,
    }))
}

/// Where a symbolic link leads, as written in it.
///
/// # Errors
/// Those of the system, and when it is none.
pub fn link_target(path: &Path) -> io::Result<PathBuf> {
    fs::read_link(path)
}

/// The path without links, `.` and `..`.
///
/// # Errors
/// Those of the system.
pub fn real_path(path: &Path) -> io::Result<PathBuf> {
    fs::canonicalize(path)
}

/// A place where mwfarm would write or delete, and which is a symbolic link.
#[derive(Debug, thiserror::Error)]
pub enum Linked {
    /// It is one.
    #[error("`{}` is a symbolic link, and mwfarm never writes through one", .0.display())]
    Link(PathBuf),
    /// The system does not tell.
    #[error("cannot look at `{}`", path.display())]
    System {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Refuses directories that are links: mwfarm would write into somebody else's tree.
///
/// # Errors
/// See [`Linked`].
pub fn refuse_links(paths: impl IntoIterator<Item = PathBuf>) -> Result<(), Linked> {
    for path in paths {
        match look(&path) {
            Ok(Some(found)) if found.is_symlink() => return Err(Linked::Link(path)),
            Ok(_) => {}
            Err(source) => return Err(Linked::System { path, source }),
        }
    }
    Ok(())
}

/// The path without slashes and `/.` at its end, with which the system would follow a link there.
#[must_use]
pub fn without_trailing_slash(path: &Path) -> PathBuf {
    path.components().collect()
}

/// Makes a file that must not exist yet. With a mode, exactly that; without, as the umask has it.
fn create(path: &Path, content: &[u8], mode: Option<u32>) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o666);
    let mut file = options.open(path).map_err(|error| named(path, &error))?;
    file.write_all(content).map_err(|error| named(path, &error))?;
    if let Some(mode) = mode {
        permit(path, &file, mode)?;
    }
    Ok(file)
}

/// Gives a file that was opened by this path exactly these permission bits.
fn permit(path: &Path, file: &File, mode: u32) -> io::Result<()> {
    file.set_permissions(std::fs::Permissions::from_mode(mode)).map_err(|error| named(path, &error))
}

/// Makes the names in a directory durable.
fn sync_directory(directory: &Path) -> io::Result<()> {
    let sync = || File::open(directory)?.sync_all();
    sync().map_err(|error| named(directory, &error))
}

/// Puts a symbolic link in the place of another one, durably.
///
/// # Errors
/// Those of the system.
pub fn replace_link(path: &Path, target: &str) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let staged = staged_link(path);
    discard(&staged)?;
    std::os::unix::fs::symlink(target, &staged).map_err(|error| named(&staged, &error))?;
    fs::rename(&staged, path)?;
    sync_directory(directory)
}

/// Where [`replace_link`] makes a link; a death leaves it there.
#[must_use]
pub fn staged_link(path: &Path) -> PathBuf {
    let mut staged = OsString::from(".");
    staged.push(path.file_name().unwrap_or_default());
    // No identifier of a wiki begins with a dot.
    staged.push(".new");
    path.with_file_name(staged)
}

/// A file beside a path, which will get its name. A death leaves it there, and [`left`] tells for which name it was.
fn stage(path: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut prefix = OsString::from(STAGED);
    prefix.push(path.file_name().unwrap_or_default());
    prefix.push("-");
    tempfile::Builder::new().prefix(&prefix).tempfile_in(path.parent().unwrap_or(Path::new(".")))
}

/// What the names of files begin with that [`replace`] and [`own_file`] have not finished.
const STAGED: &str = ".mwfarm-";

/// What deaths left of [`replace`] and [`own_file`] in a directory: each file, and the name that it would have got.
/// Whoever holds the lock under which that name is written may remove it.
///
/// # Errors
/// Those of the system except that there is no such directory.
pub fn left(directory: &Path) -> io::Result<Vec<(PathBuf, String)>> {
    let of = |file: &String| {
        let (name, _random) = file.strip_prefix(STAGED)?.rsplit_once('-')?;
        Some((directory.join(file), name.to_owned()))
    };
    Ok(names(directory)?.iter().filter_map(of).collect())
}

/// Removes what is [`left`] in a directory. Nobody may write there meanwhile.
///
/// # Errors
/// Those of the system.
pub fn sweep(directory: &Path) -> io::Result<()> {
    left(directory)?.iter().try_for_each(|(path, _)| discard(path))
}

/// Puts a file with exactly this mode in the place of another one or of none, durably: readers see the old or the new
/// one, also after a loss of power. What is at the path is replaced even if it is a link; links above it are the
/// caller's affair.
///
/// # Errors
/// Those of the system.
pub fn replace(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut staged = stage(path)?;
    staged.write_all(content)?;
    staged.as_file().set_permissions(std::fs::Permissions::from_mode(mode))?;
    staged.as_file().sync_all()?;
    staged.persist(path).map_err(|error| named(path, &error.error))?;
    sync_directory(directory)
}

/// Adds a line to a file, durably; a file that is not there is made with this mode. A last line without an end, which a
/// loss of power left, is ended first.
///
/// # Errors
/// Those of the system.
pub fn append_line(path: &Path, line: &[u8], mode: u32) -> io::Result<()> {
    let flags = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(mode).custom_flags(flags).open(path)?;
    let length = file.metadata()?.len();
    let mut text = Vec::with_capacity(line.len() + 2);
    if length > 0 {
        let mut last = [0];
        std::os::unix::fs::FileExt::read_exact_at(&file, &mut last, length - 1)?;
        if last != *b"\n" {
            text.push(b'\n');
        }
    }
    text.extend_from_slice(line);
    text.push(b'\n');
    file.write_all(&text).map_err(|error| named(path, &error))?;
    file.sync_all()
}

/// Makes an empty file where none is.
///
/// # Errors
/// Those of the system.
pub fn touch(path: &Path) -> io::Result<()> {
    match create(path, b"", None) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        result => result.map(drop),
    }
}

/// Opens a file for what a program says, in place of what was said before. A link is not followed.
///
/// # Errors
/// Those of the system.
pub fn log(path: &Path) -> io::Result<File> {
    discard(path)?;
    create(path, b"", Some(0o600))
}

/// Writes over a small file that stays the same one, because it is locked. Whoever reads it has to check what it holds.
///
/// # Errors
/// Those of the system.
pub fn overwrite(path: &Path, content: &[u8]) -> io::Result<()> {
    let flags = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    let mut file = OpenOptions::new().write(true).truncate(true).custom_flags(flags).open(path)?;
    file.write_all(content).map_err(|error| named(path, &error))?;
    file.sync_all()
}

/// Removes whatever is at a path, without following links.
///
/// # Errors
/// Those of the system.
pub fn clear(path: &Path) -> io::Result<()> {
    match look(path)? {
        None => Ok(()),
        // std's implementation does not follow links, also when they appear while it works; and what another process
        // removes at the same time is no error to it, but for the directory itself.
        Some(metadata) if metadata.is_dir() => match fs::remove_dir_all(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        },
        Some(_) => discard(path),
    }
}

/// Removes one file, when it is there.
///
/// # Errors
/// Those of the system.
pub fn discard(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Gives a file this mode and group, unless it has them. Who may not give it to that group keeps it to itself. Nothing is
/// done to what is no file.
///
/// # Errors
/// Those of the system except that there is nothing.
pub fn restrict(path: &Path, mode: u32, group: Option<u32>) -> io::Result<()> {
    let Some(there) = look(path)?.filter(Metadata::is_file) else { return Ok(()) };
    let given = |group| there.gid() == group || std::os::unix::fs::lchown(path, None, Some(group)).is_ok();
    let mode = if group.is_none_or(given) { mode } else { mode & 0o600 };
    if there.mode() & 0o7777 == mode {
        return Ok(());
    }
    fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

/// Makes a file as young as if it were written now.
///
/// # Errors
/// Those of the system.
pub fn renew(path: &Path) -> io::Result<()> {
    open(path)?.set_modified(SystemTime::now()).map_err(|error| named(path, &error))
}

/// Removes a directory if nothing is in it.
pub fn remove_empty(directory: &Path) {
    // Something in it is what the system refuses for, and what the caller wants left alone.
    let _ = fs::remove_dir(directory);
}

/// Makes a directory with those above it.
///
/// # Errors
/// Those of the system.
pub fn make_directories(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

/// Whether a file is a copy of a regular file, as [`copy_file`] makes it. Sizes and times of modification decide where
/// the copy was made at least a second after the last change of the other file's inode; where it was not, or the system
/// does not tell, their bytes do: a time of modification can be set back.
///
/// # Errors
/// Those of the system.
pub fn is_copy(from: &Path, to: &Path) -> io::Result<bool> {
    let source = fs::metadata(from)?;
    let Some(target) = look(to)? else { return Ok(false) };
    if !target.is_file() || target.len() != source.len() || target.modified()? != source.modified()? {
        return Ok(false);
    }
    // The time of the inode's change would be that of the copy's rename, and the file may have changed before.
    let made = target.created().ok().and_then(|made| made.duration_since(SystemTime::UNIX_EPOCH).ok());
    let made = made.and_then(|made| i64::try_from(made.as_secs()).ok().map(|seconds| (seconds, made.subsec_nanos())));
    let is_older =
        |(seconds, nanoseconds)| (source.ctime() + 1, source.ctime_nsec()) <= (seconds, i64::from(nanoseconds));
    Ok(made.is_some_and(is_older) || fs::read(from)? == fs::read(to)?)
}

/// Copies a regular file with its time of modification; nothing may be at `to`.
///
/// # Errors
/// Those of the system.
pub fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    // It is made before the other is read: what changes after that has changed after the copy was made.
    let mut file = create(to, b"", None)?;
    let source = fs::metadata(from)?;
    let content = fs::read(from)?;
    let mut finish = || {
        file.write_all(&content)?;
        if source.mode() & 0o111 != 0 {
            // Executable for whom the umask lets read it.
            let mode = file.metadata()?.mode();
            file.set_permissions(std::fs::Permissions::from_mode(mode | ((mode & 0o444) >> 2)))?;
        }
        file.set_times(FileTimes::new().set_modified(source.modified()?))
    };
    finish().map_err(|error| named(to, &error))
}

/// Puts a copy in its place: what is there is replaced by one rename, unless it is a directory, which is removed first.
///
/// # Errors
/// Those of the system.
pub fn put(staged: &Path, to: &Path) -> io::Result<()> {
    if look(to)?.is_some_and(|there| there.is_dir()) {
        clear(to)?;
    }
    fs::rename(staged, to)
}

/// Writes a file that may be there, such as a manual page; nothing when the content is the same.
///
/// # Errors
/// Those of the system.
pub fn write_plain(path: &Path, content: &[u8]) -> io::Result<()> {
    if read_optional(path)?.is_some_and(|current| current == content) {
        return Ok(());
    }
    discard(path)?;
    create(path, content, None).map(drop)
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
