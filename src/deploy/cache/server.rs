//! A running Redis, as its client asks it.

use std::collections::BTreeSet;
use std::path::Path;

use super::acl::{self, ADMINISTRATOR, Users, is_wiki};
use crate::deploy::system::{program, succeed};
use crate::report::{ExitCode, Problem};

/// Removes some of the keys that match, and says where to go on. Keys have any bytes: they never leave Redis.
const REMOVE: &str = "local found = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', 1000) \
                      for _, key in ipairs(found[2]) do redis.call('UNLINK', key) end \
                      return {found[1], #found[2]}";

/// What Redis says when it refuses.
const REFUSALS: &[&str] = &["ERR ", "NOAUTH ", "NOPERM ", "WRONGPASS ", "OOM ", "LOADING ", "BUSY "];

/// A Redis, and the password with which it knows us.
pub(super) struct Server<'s> {
    socket: &'s Path,
    password: &'s str,
}

impl<'s> Server<'s> {
    pub(super) fn new(socket: &'s Path, password: &'s str) -> Self {
        Self { socket, password }
    }

    /// Makes Redis know exactly these users and those `kept`, and says whether it did not. `file` is what it must read
    /// when it starts.
    pub(super) fn follow(&self, users: &Users, kept: &BTreeSet<String>, file: &Path) -> Result<bool, Problem> {
        let named = self.named()?;
        let answer = self.ask(named, &["CONFIG GET aclfile".to_owned()])?;
        if answer.trim().is_empty() {
            let what = format!("Redis does not answer at `{}`", self.socket.display());
            return Err(Problem::new(ExitCode::Failed, what).hint(super::hint(file)));
        }
        if answer.lines().nth(1) != Some(&*file.to_string_lossy()) {
            let problem = Problem::new(ExitCode::Failed, "Redis reads another file of users when it starts");
            let used = answer.lines().nth(1).filter(|path| !path.is_empty()).unwrap_or("none");
            return Err(problem.cause(format!("`aclfile` is {used}")).hint(super::hint(file)));
        }
        let there = self.list(named)?;
        let mut commands = Vec::new();
        let mut others: Vec<&str> = users.names().filter(|user| !users.agree(&there, user)).collect();
        // Those without a name are shut out, of whom we may be one, when we can come in with one.
        others.sort_by_key(|user| (*user != ADMINISTRATOR, *user == "default"));
        let gone = there.names().filter(|user| is_wiki(user) && !kept.contains(*user));
        let gone = gone.filter(|user| users.names().all(|known| known != *user));
        commands.extend(gone.map(|user| format!("ACL DELUSER {user}")));
        commands.extend(others.into_iter().map(|user| format!("ACL SETUSER {user} reset {}", users.rules(user))));
        if commands.is_empty() {
            return Ok(false);
        }
        self.ask(named, &commands)?;
        let there = self.list(true)?;
        match users.names().find(|user| !users.agree(&there, user)) {
            None => Ok(true),
            Some(user) => Err(Problem::new(ExitCode::Failed, format!("Redis does not have the rules of `{user}`"))),
        }
    }

    /// Removes all keys that begin with a prefix, a part of them at a time, so that nobody waits for long.
    pub(super) fn remove_keys(&self, prefix: &str) -> Result<u64, Problem> {
        let named = self.named()?;
        let (mut cursor, mut removed) = ("0".to_owned(), 0);
        loop {
            let answer = self.ask(named, &[format!("EVAL \"{REMOVE}\" 0 {cursor} {prefix}*")])?;
            let mut lines = answer.lines();
            lines.next().unwrap_or("0").clone_into(&mut cursor);
            removed += lines.next().and_then(|count| count.parse::<u64>().ok()).unwrap_or(0);
            if cursor == "0" {
                return Ok(removed);
            }
        }
    }

    /// Whether Redis knows us by name; before it has read the file once, it knows everybody without one.
    fn named(&self) -> Result<bool, Problem> {
        let mut first = None;
        for named in [true, false] {
            match self.ask(named, &["ACL WHOAMI".to_owned()]) {
                Ok(_) => return Ok(named),
                Err(problem) => first = first.or(Some(problem)),
            }
        }
        Err(first.unwrap_or_else(|| Problem::new(ExitCode::Failed, "Redis does not answer")))
    }

    fn list(&self, named: bool) -> Result<Users, Problem> {
        let [make, remove] = acl::pattern();
        Ok(Users::parse(&self.ask(named, &[make, "ACL LIST".to_owned(), remove])?).spelled_out())
    }

    /// Runs commands, all that it says in lines. They are the client's input, where the password is, too.
    fn ask(&self, named: bool, commands: &[String]) -> Result<String, Problem> {
        let login = if named { format!("AUTH {ADMINISTRATOR} {}\n", self.password) } else { "PING\n".to_owned() };
        let input = login + &commands.join("\n") + "\n";
        let client = program("redis-cli", ["-s".into(), self.socket.as_os_str().to_owned()], None);
        let at = format!("Redis at `{}`", self.socket.display());
        let output = succeed(&client, input.as_bytes()).map_err(|problem| problem.cause(at.clone()))?;
        let text = String::from_utf8_lossy(&output).into_owned();
        // The client goes on after a refusal, and ends well.
        if let Some(refusal) = text.lines().find(|line| REFUSALS.iter().any(|refusal| line.starts_with(refusal))) {
            return Err(Problem::new(ExitCode::Failed, format!("{at} refuses us")).cause(refusal));
        }
        Ok(text.split_once('\n').map_or("", |(_, rest)| rest).to_owned())
    }
}
