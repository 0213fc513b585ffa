//! The unix user and group of a wiki, and the people in the group.
//!
//! A name that another number has, or a number that another name has, is never taken over: files on this machine may
//! belong to it.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::thread;
use std::time::Duration;

use super::name::Name;
use super::options::Options;
use super::record::Wiki;
use super::system::{failed, program, run};
use crate::disk::Owner;
use crate::process::{Captured, Program, Status, User};
use crate::report::{ExitCode, Problem};

/// The shell of `become`. Nobody logs in with it: the user has no password.
const SHELL: &str = "/bin/bash";

/// How often is tried what others are in the way of.
const TRIES: u32 = 50;

/// How long is waited the first time, and how much longer each time after: half a minute in all.
const PAUSE: Duration = Duration::from_millis(20);

/// Whom a wiki runs as; `None` where all run as we do.
#[must_use]
pub fn of(options: &Options, wiki: &Wiki) -> Option<User> {
    options.users?;
    wiki.uid.map(|uid| User { uid, gid: uid })
}

/// Who a wiki's own files belong to.
#[must_use]
pub fn owner(options: &Options, wiki: &Wiki) -> Owner {
    of(options, wiki).map_or_else(Owner::us, |user| Owner { uid: user.uid, gid: user.gid })
}

/// Refuses owners who are no users of this machine.
///
/// # Errors
/// One is none.
pub fn check_owners(options: &Options, name: &Name, names: &[String]) -> Result<(), Problem> {
    if options.users.is_none() && !names.is_empty() {
        let problem = Problem::new(ExitCode::Usage, "wikis without users of their own have no owners");
        return Err(problem.cause(format!("{}, field `deploy.users`: none", super::options::FILE)));
    }
    for owner in names {
        if !is_name(owner) || number(owner)?.is_none() {
            return Err(no_owner(name, owner));
        }
    }
    Ok(())
}

/// Makes the user and the group of a wiki, and puts exactly its owners into the group. Owners who are users no more are
/// left out: nobody's departure keeps a wiki from being mended. Says whether it changed anything.
///
/// # Errors
/// The name or the number is somebody else's, an owner can be no user, or the system refuses.
pub fn ensure(options: &Options, wiki: &Wiki) -> Result<bool, Problem> {
    if options.users.is_none() {
        return Ok(false);
    }
    let Identity { name, uid } = Identity::of(wiki)?;
    let mut owners = BTreeSet::new();
    for owner in &wiki.owners {
        if !is_name(owner) {
            return Err(no_owner(&wiki.name, owner));
        }
        if number(owner)?.is_some() {
            owners.insert(owner.clone());
        }
    }
    let mut changed = false;
    if group(&name, uid)?.is_none() {
        change(&program("/usr/sbin/groupadd", ["--gid", &uid.to_string(), &name], None))?;
        changed = true;
    }
    if !is_user(&name, uid)? {
        let number = uid.to_string();
        let home = options.layout.home(&wiki.name).into_os_string();
        let mut arguments: Vec<OsString> = Vec::new();
        arguments.extend(["--uid", &number, "--gid", &number, "--no-user-group", "--no-create-home"].map(Into::into));
        // It would warn of such a number, which is its death when nobody listens any more: with its locks left behind.
        arguments.extend(["--key".into(), format!("UID_MAX={uid}").into()]);
        // Further numbers, for containers, would go to another wiki when this one is gone, with the files of theirs.
        arguments.extend(["--key", "SUB_UID_COUNT=0", "--key", "SUB_GID_COUNT=0"].map(Into::into));
        // `/var/log/lastlog` has a place for every number up to the last one.
        arguments.extend(["--no-log-init", "--shell", SHELL, "--comment", "MediaWiki"].map(Into::into));
        arguments.extend(["--home-dir".into(), home, (&name).into()]);
        change(&program("/usr/sbin/useradd", arguments, None))?;
        changed = true;
    }
    if group(&name, uid)?.as_ref() != Some(&owners) {
        let members = owners.into_iter().collect::<Vec<_>>().join(",");
        change(&program("/usr/bin/gpasswd", ["--members", &members, &name], None))?;
        changed = true;
    }
    Ok(changed)
}

/// Ends all that runs as the wiki's user, and removes it with its group. Says whether there was anything to remove.
///
/// # Errors
/// The name or the number is somebody else's, or the system refuses.
pub fn remove(options: &Options, wiki: &Wiki) -> Result<bool, Problem> {
    if options.users.is_none() {
        return Ok(false);
    }
    let Identity { name, uid } = Identity::of(wiki)?;
    let mut changed = false;
    let mut tries = 0;
    while is_user(&name, uid)? {
        end(uid)?;
        let userdel = program("/usr/sbin/userdel", [&name], None);
        let captured = run(&userdel, b"")?;
        tries += 1;
        // 8: a process of it is there, or was begun meanwhile.
        let again = captured.status == Status::Exited(8) || is_locked(&captured);
        if captured.status != Status::Exited(0) && (!again || tries == TRIES) {
            return Err(failed(&userdel, &captured));
        }
        if captured.status != Status::Exited(0) {
            thread::sleep(PAUSE * tries);
        }
        changed = true;
    }
    // `userdel` takes the group of the same name along, as a rule.
    if group(&name, uid)?.is_some() {
        change(&program("/usr/sbin/groupdel", [&name], None))?;
        changed = true;
    }
    Ok(changed)
}

/// The number of a user of the system, if there is one of that name.
///
/// # Errors
/// The system does not tell.
pub fn number(name: &str) -> Result<Option<u32>, Problem> {
    Ok(entry("passwd", name)?.filter(|fields| fields[0] == name).and_then(|fields| fields.get(2)?.parse().ok()))
}

/// Whether a user or a group of the system has a number.
///
/// # Errors
/// The system does not tell.
pub fn is_taken(number: u32) -> Result<bool, Problem> {
    let number = number.to_string();
    Ok(entry("passwd", &number)?.is_some() || entry("group", &number)?.is_some())
}

/// The number of a group of the system, if there is one of that name.
///
/// # Errors
/// The system does not tell.
pub fn group_number(name: &str) -> Result<Option<u32>, Problem> {
    Ok(entry("group", name)?.filter(|fields| fields[0] == name).and_then(|fields| fields.get(2)?.parse().ok()))
}

/// Kills every process of a user, those that it starts meanwhile included: the signal is sent by that user, to all that
/// it may reach, at one moment.
fn end(uid: u32) -> Result<(), Problem> {
    let user = Some(User { uid, gid: uid });
    // Without any process left to kill, it says so.
    run(&program("/bin/kill", ["-KILL", "--", "-1"], user), b"").map(drop)
}

/// Runs a program that writes the system's files of users; when another one does, waits for it. One that was killed left
/// a lock with its number, which counts for nothing as soon as nobody has that number.
fn change(program: &Program) -> Result<(), Problem> {
    for tries in 1.. {
        let captured = run(program, b"")?;
        if captured.status == Status::Exited(0) {
            break;
        }
        if !is_locked(&captured) || tries == TRIES {
            return Err(failed(program, &captured));
        }
        thread::sleep(PAUSE * tries);
    }
    Ok(())
}

fn is_locked(captured: &Captured) -> bool {
    String::from_utf8_lossy(&captured.messages).contains("try again later")
}

struct Identity {
    name: String,
    uid: u32,
}

impl Identity {
    fn of(wiki: &Wiki) -> Result<Self, Problem> {
        let without = || {
            Problem::new(ExitCode::Failed, format!("`{}` has no number for its user", wiki.name))
                .hint("it was made with `users: none`; make it anew")
        };
        Ok(Self { name: wiki.name.user(), uid: wiki.uid.ok_or_else(without)? })
    }
}

/// Whether an owner can be called so. Of a wiki's user none can be an owner: code of one wiki would run with the group of
/// another.
fn is_name(owner: &str) -> bool {
    let plain = owner.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    plain && !owner.is_empty() && !owner.starts_with('-') && !owner.starts_with("wiki-")
}

fn no_owner(wiki: &Name, owner: &str) -> Problem {
    Problem::new(ExitCode::Usage, format!("`{owner}` is no user of this machine"))
        .cause(format!("owner of the wiki `{wiki}`"))
}

/// Whether the user is there; refused when only half of it is ours.
fn is_user(name: &str, uid: u32) -> Result<bool, Problem> {
    match (entry("passwd", name)?, entry("passwd", &uid.to_string())?) {
        (None, None) => Ok(false),
        (Some(by_name), _) if by_name.get(2) == Some(&uid.to_string()) && by_name.get(3) == Some(&uid.to_string()) => {
            Ok(true)
        }
        (Some(by_name), _) => Err(taken("user", name, by_name.get(2).map_or("?", String::as_str), uid)),
        (None, Some(by_number)) => Err(taken("user", &by_number[0], &uid.to_string(), uid)),
    }
}

/// The members of the group, if it is there; refused when only half of it is ours.
fn group(name: &str, gid: u32) -> Result<Option<BTreeSet<String>>, Problem> {
    match (entry("group", name)?, entry("group", &gid.to_string())?) {
        (None, None) => Ok(None),
        (Some(by_name), _) if by_name.get(2) == Some(&gid.to_string()) => {
            let members = by_name.get(3).map_or("", String::as_str);
            Ok(Some(members.split(',').filter(|member| !member.is_empty()).map(str::to_owned).collect()))
        }
        (Some(by_name), _) => Err(taken("group", name, by_name.get(2).map_or("?", String::as_str), gid)),
        (None, Some(by_number)) => Err(taken("group", &by_number[0], &gid.to_string(), gid)),
    }
}

fn taken(kind: &str, name: &str, number: &str, wanted: u32) -> Problem {
    Problem::new(ExitCode::Usage, format!("the {kind} `{name}` with number {number} is not this farm's"))
        .cause(format!("the wiki's {kind} would have number {wanted}"))
        .hint("remove it if nothing belongs to it, or choose another name or another range in `deploy.users`")
}

/// A line of one of the system's databases, by name or number, wherever the system keeps it.
fn entry(database: &str, key: &str) -> Result<Option<Vec<String>>, Problem> {
    let getent = program("/usr/bin/getent", ["--", database, key], None);
    let captured = run(&getent, b"")?;
    match captured.status {
        Status::Exited(0) => {
            let text = String::from_utf8_lossy(&captured.output).into_owned();
            Ok(text.lines().next().map(|line| line.split(':').map(str::to_owned).collect()))
        }
        // There is none.
        Status::Exited(2) => Ok(None),
        _ => Err(failed(&getent, &captured)),
    }
}
