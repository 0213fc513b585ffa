//! Directories and files that belong to somebody else, and who may come in besides.
//!
//! A wiki's user can replace whatever is its own by a link at any moment. So nothing here is done to a path twice:
//! directories are opened once, without following a link, and all else happens to what was opened.

use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use fs_err as fs;
use rustix::fs::{AtFlags, Gid, Mode, OFlags, Uid, XattrFlags};

use super::named;

/// A user and a group, by numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

impl Owner {
    /// Ourselves.
    #[must_use]
    pub fn us() -> Self {
        let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
        Self { uid: uid.as_raw(), gid: gid.as_raw() }
    }
}

/// What one more user may do in a directory (the access control lists of Linux).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guest {
    /// Pass through it to what it knows by name.
    Passes(u32),
    /// Read it, and all that is made in it from then on.
    Reads(u32),
}

/// Makes a directory of this owner with exactly this mode, or gives them to one that is there; says whether it changed
/// anything. Its parent must be one that only we can rename. What is there and belongs to neither the owner nor us is
/// refused, and so is a link.
///
/// # Errors
/// Those of the system; `NotADirectory` when something else is there.
pub fn own_directory(path: &Path, owner: Owner, mode: u32, guest: Option<Guest>) -> io::Result<bool> {
    let (parent, name) = (path.parent().unwrap_or(Path::new("/")), path.file_name().unwrap_or_default());
    let system = |error: rustix::io::Errno| named(path, &error.into());
    let above = File::open(parent).map_err(|error| named(parent, &error))?;
    let mut changed = match rustix::fs::mkdirat(&above, name, Mode::RWXU) {
        Ok(()) => true,
        Err(rustix::io::Errno::EXIST) => false,
        Err(error) => return Err(system(error)),
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = match rustix::fs::openat(&above, name, flags, Mode::empty()) {
        Ok(directory) => File::from(directory),
        Err(rustix::io::Errno::LOOP | rustix::io::Errno::NOTDIR) => {
            let error = io::Error::new(io::ErrorKind::NotADirectory, "not a directory, and links are not followed");
            return Err(named(path, &error));
        }
        Err(error) => return Err(system(error)),
    };
    let there = directory.metadata()?;
    if there.uid() != owner.uid && there.uid() != Owner::us().uid {
        return Err(named(path, &io::Error::other(format!("belongs to user {}", there.uid()))));
    }
    if (there.uid(), there.gid()) != (owner.uid, owner.gid) {
        let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
        rustix::fs::fchown(&directory, Some(uid), Some(gid)).map_err(system)?;
        changed = true;
    }
    // After the owner, since a change of owner may clear bits, and before the guest, whose entry has a mask.
    if directory.metadata()?.mode() & 0o7777 != mode {
        directory.set_permissions(std::fs::Permissions::from_mode(mode))?;
        changed = true;
    }
    if let Some(guest) = guest {
        changed |= let_in(&directory, mode, guest).map_err(|error| named(path, &error))?;
    }
    Ok(changed)
}

/// Gives a guest its entries, unless it has them.
fn let_in(directory: &File, mode: u32, guest: Guest) -> io::Result<bool> {
    let (uid, lists) = match guest {
        Guest::Passes(uid) => (uid, [Some(EXECUTE), None]),
        Guest::Reads(uid) => (uid, [Some(READ | EXECUTE), Some(READ | EXECUTE)]),
    };
    let mut changed = false;
    for (name, rights) in ["system.posix_acl_access", "system.posix_acl_default"].into_iter().zip(lists) {
        let Some(rights) = rights else { continue };
        let wanted = access_control_list(mode, uid, rights);
        let mut there = [0; 512];
        let length = match rustix::fs::fgetxattr(directory, name, &mut there) {
            Ok(length) => length,
            // None, or one of more entries than ours.
            Err(rustix::io::Errno::NODATA | rustix::io::Errno::RANGE) => 0,
            Err(error) => return Err(error.into()),
        };
        if there[..length] != wanted[..] {
            rustix::fs::fsetxattr(directory, name, &wanted, XattrFlags::empty())?;
            changed = true;
        }
    }
    Ok(changed)
}

const READ: u16 = 4;
const EXECUTE: u16 = 1;

/// The list as the kernel takes it (`linux/posix_acl_xattr.h`): version 2, then entries of a tag, rights and a number,
/// the least tag first.
fn access_control_list(mode: u32, guest: u32, rights: u16) -> Vec<u8> {
    const ANY: u32 = u32::MAX;
    let class = |shift: u32| u16::try_from(mode >> shift & 7).unwrap_or_default();
    // Owner, the guest, the group, the mask on the last two, others.
    let entries = [
        (0x01, class(6), ANY),
        (0x02, rights, guest),
        (0x04, class(3), ANY),
        (0x10, class(3) | rights, ANY),
        (0x20, class(0), ANY),
    ];
    let mut list = 2_u32.to_le_bytes().to_vec();
    for (tag, rights, number) in entries {
        list.extend_from_slice(&u16::to_le_bytes(tag));
        list.extend_from_slice(&rights.to_le_bytes());
        list.extend_from_slice(&number.to_le_bytes());
    }
    list
}

/// Puts a file of this owner with exactly this mode in the place of another one or of none, durably, unless the same is
/// there; says whether it did. At no moment has anybody more rights than in the end.
///
/// # Errors
/// Those of the system.
pub fn own_file(path: &Path, content: &[u8], owner: Owner, mode: u32) -> io::Result<bool> {
    let same = |there: &Metadata| {
        there.is_file() && (there.uid(), there.gid(), there.mode() & 0o7777) == (owner.uid, owner.gid, mode)
    };
    if super::look(path)?.is_some_and(|there| same(&there)) && fs::read(path)? == content {
        return Ok(false);
    }
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut staged = super::stage(path)?;
    staged.write_all(content)?;
    let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
    rustix::fs::fchown(staged.as_file(), Some(uid), Some(gid)).map_err(|error| named(path, &error.into()))?;
    staged.as_file().set_permissions(std::fs::Permissions::from_mode(mode))?;
    staged.as_file().sync_all()?;
    staged.persist(path).map_err(|error| named(path, &error.error))?;
    File::open(directory)?.sync_all()?;
    Ok(true)
}

/// Gives what is at one path another one; nothing may be there. Neither is followed when it is a link.
///
/// # Errors
/// Those of the system.
pub fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    let flags = rustix::fs::RenameFlags::NOREPLACE;
    rustix::fs::renameat_with(rustix::fs::CWD, from, rustix::fs::CWD, to, flags)
        .map_err(|error| named(from, &error.into()))
}

/// Makes a symbolic link where nothing is.
///
/// # Errors
/// Those of the system, and when something is there.
pub fn link_new(path: &Path, target: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path).map_err(|error| named(path, &error))
}

/// Whether a path is a link of ours with this target.
///
/// # Errors
/// Those of the system except that there is nothing.
pub fn is_our_link(path: &Path, target: &Path) -> io::Result<bool> {
    let Some(there) = super::look(path)? else { return Ok(false) };
    Ok(there.is_symlink() && there.uid() == Owner::us().uid && fs::read_link(path)? == target)
}

/// Removes what is at a path, by a name in a directory that was opened, when it is no directory.
///
/// # Errors
/// Those of the system except that there is nothing.
pub fn remove_name(path: &Path) -> io::Result<bool> {
    let (parent, name) = (path.parent().unwrap_or(Path::new("/")), path.file_name().unwrap_or_default());
    match rustix::fs::unlinkat(&File::open(parent)?, name, AtFlags::empty()) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::NOENT) => Ok(false),
        Err(error) => Err(named(path, &error.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_right_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a");
        for changed in [true, false] {
            assert_eq!(own_directory(&path, Owner::us(), 0o2750, None).unwrap(), changed);
            assert_eq!(own_file(&path.join("b"), b"c", Owner::us(), 0o440).unwrap(), changed);
        }
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o2750);
        fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        assert!(own_directory(&path, Owner::us(), 0o2750, None).unwrap());
        assert!(own_file(&path.join("b"), b"d", Owner::us(), 0o440).unwrap());
        assert!(own_file(&path.join("b"), b"d", Owner::us(), 0o400).unwrap());
    }

    #[test]
    fn links_are_not_followed() {
        let root = tempfile::tempdir().unwrap();
        let (outside, path) = (root.path().join("outside"), root.path().join("a"));
        fs::create_dir(&outside).unwrap();
        let before = fs::metadata(&outside).unwrap().mode();
        std::os::unix::fs::symlink(&outside, &path).unwrap();
        let error = own_directory(&path, Owner::us(), 0o2770, None).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotADirectory);
        assert_eq!(fs::metadata(&outside).unwrap().mode(), before);
        fs::write(outside.join("b"), "").unwrap();
        std::os::unix::fs::symlink(outside.join("b"), root.path().join("c")).unwrap();
        assert!(own_file(&root.path().join("c"), b"x", Owner::us(), 0o600).unwrap());
        assert_eq!(fs::read(outside.join("b")).unwrap(), b"");
    }

    #[test]
    fn a_list_is_what_setfacl_would_write() {
        // `setfacl -m u:33:--x` on a directory of mode 0770, read back with `getfattr -e hex`.
        let list = access_control_list(0o3770, 33, EXECUTE);
        let hex = list.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        assert_eq!(
            hex,
            "02000000\
             01000700ffffffff\
             0200010021000000\
             04000700ffffffff\
             10000700ffffffff\
             20000000ffffffff"
        );
    }
}
