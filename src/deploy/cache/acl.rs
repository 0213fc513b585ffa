//! Users of Redis as lines of its `aclfile`.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::super::name::Name;
use super::super::secrets::{Secrets, hex};

/// The administrator: us.
pub(super) const ADMINISTRATOR: &str = "mwfarm";

/// A user that exists for a moment.
const PATTERN: &str = "mwfarm-pattern";

/// What a wiki's user may run: commands on named keys and channels, and what a connection needs.
///
/// By name, not by category, and none that has no keys but shows or changes what is others': for such, Redis does not
/// look at key patterns. `EVAL` is not among them, since a script that does not end stops Redis for all. `SELECT`,
/// `MULTI` and their like touch the connection only.
pub const COMMANDS: &[&str] = &[
    "ping",
    "auth",
    "hello",
    "select",
    "echo",
    "quit",
    "reset",
    "get",
    "set",
    "setex",
    "psetex",
    "setnx",
    "mget",
    "mset",
    "msetnx",
    "getset",
    "getdel",
    "getex",
    "append",
    "strlen",
    "incr",
    "incrby",
    "incrbyfloat",
    "decr",
    "decrby",
    "del",
    "unlink",
    "exists",
    "expire",
    "pexpire",
    "expireat",
    "pexpireat",
    "persist",
    "ttl",
    "pttl",
    "type",
    "touch",
    "hset",
    "hsetnx",
    "hget",
    "hmget",
    "hgetall",
    "hdel",
    "hexists",
    "hlen",
    "hkeys",
    "hvals",
    "hincrby",
    "lpush",
    "rpush",
    "lpop",
    "rpop",
    "lrange",
    "llen",
    "lrem",
    "ltrim",
    "lindex",
    "sadd",
    "srem",
    "smembers",
    "sismember",
    "scard",
    "spop",
    "srandmember",
    "zadd",
    "zrem",
    "zrange",
    "zrangebyscore",
    "zrevrange",
    "zcard",
    "zscore",
    "zincrby",
    "zremrangebyscore",
    "zcount",
    "multi",
    "exec",
    "discard",
    "watch",
    "unwatch",
    "publish",
    "subscribe",
    "unsubscribe",
];

/// Users with their rules, by name. The rules are as they are written: for lines of others, their order counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Users(BTreeMap<String, String>);

impl Users {
    /// What the file should say: nobody without a name, the administrator, the wikis, and whom others added to it.
    ///
    /// An administrator that is there stays as it is, with our password besides. So do the users `kept`, if they are there:
    /// those of wikis of which nothing more is known.
    pub(super) fn new(before: &str, administrator: &str, wikis: &[(Name, Secrets)], kept: &BTreeSet<String>) -> Self {
        let mut users = Self::parse(before);
        users.0.retain(|user, _| !is_wiki(user) || kept.contains(user));
        users.0.insert("default".to_owned(), "off resetchannels -@all".to_owned());
        let line = users.0.entry(ADMINISTRATOR.to_owned()).or_insert_with(|| "on ~* &* +@all".to_owned());
        let password = hashed(administrator);
        if line.split(' ').all(|rule| rule != password) {
            line.push(' ');
            line.push_str(&password);
        }
        for (name, secrets) in wikis {
            let (prefix, password) = (super::prefix(secrets), hashed(&secrets.redis_password));
            let rules = format!("on {password} ~{prefix}* resetchannels &{prefix}* {}", commands());
            users.0.insert(name.user(), rules);
        }
        users
    }

    /// What a file has, or what `ACL LIST` says.
    pub(super) fn parse(text: &str) -> Self {
        let user = |line: &str| {
            let (user, rules) = line.strip_prefix("user ")?.trim().split_once(' ')?;
            Some((user.to_owned(), rules.trim().to_owned()))
        };
        Self(text.lines().filter_map(user).collect())
    }

    /// Takes out the user of [`pattern`], and gives the commands of wikis back to all who have the same: Redis tells them
    /// in words of its own, which are categories, and what of them is not allowed.
    pub(super) fn spelled_out(mut self) -> Self {
        let Some(pattern) = self.0.remove(PATTERN) else { return self };
        let of = |rules: &str| -> BTreeSet<String> {
            rules.split(' ').filter(|rule| is_command(rule)).map(str::to_owned).collect()
        };
        let pattern = of(&pattern);
        for rules in self.0.values_mut().filter(|rules| of(rules) == pattern) {
            let others: Vec<&str> = rules.split(' ').filter(|rule| !is_command(rule)).collect();
            *rules = format!("{} {}", others.join(" "), commands());
        }
        self
    }

    /// The text of the file.
    pub(super) fn text(&self) -> String {
        self.0.iter().fold(String::new(), |text, (user, rules)| text + "user " + user + " " + rules + "\n")
    }

    /// All names.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether a user in Redis is as we want it. Of those whom others wrote, and of the administrator, all that counts is
    /// that they are there, with their passwords.
    pub(super) fn agree(&self, redis: &Self, user: &str) -> bool {
        let (Some(wanted), Some(there)) = (self.0.get(user), redis.0.get(user)) else { return false };
        let (wanted, there) = (words(wanted), words(there));
        if user == "default" || is_wiki(user) {
            return wanted == there;
        }
        wanted.iter().filter(|rule| rule.starts_with('#') || *rule == "on").all(|rule| there.contains(rule))
    }

    /// The rules of a user.
    pub(super) fn rules(&self, user: &str) -> &str {
        self.0.get(user).map_or("", String::as_str)
    }
}

/// Rules of a line that mean the same in any order, as far as we write them.
fn words(rules: &str) -> BTreeSet<String> {
    // The first is the default, which some versions say and others do not.
    let rules = rules.split(' ').filter(|rule| !rule.is_empty() && *rule != "sanitize-payload");
    rules.map(|rule| rule.strip_prefix('>').map_or_else(|| rule.to_owned(), hashed)).collect()
}

/// The commands that make a user from which is seen how Redis tells the commands of wikis, and that remove it. Nobody can
/// log in as it, and it has no keys.
pub(super) fn pattern() -> [String; 2] {
    [format!("ACL SETUSER {PATTERN} reset {}", commands()), format!("ACL DELUSER {PATTERN}")]
}

/// The rules of what wikis may run. What takes all away comes first.
fn commands() -> String {
    COMMANDS.iter().fold("-@all".to_owned(), |rules, command| rules + " +" + command)
}

fn is_command(rule: &str) -> bool {
    rule.starts_with(['+', '-'])
}

/// Whether a user of Redis is a wiki's.
pub(super) fn is_wiki(user: &str) -> bool {
    user.starts_with("wiki-")
}

fn hashed(password: &str) -> String {
    format!("#{}", hex(&Sha256::digest(password.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_others_stay_as_they_are() {
        let before = "# a comment\nuser default on nopass ~* +@all\nuser wiki-gone on nopass +@all\n\
                      user proxy on >p ~frontend:* -@dangerous +keys (~x* +get)\nuser mwfarm on >own ~* &* +@all\n";
        let password = hashed("secret");
        let after = Users::new(before, "secret", &[], &BTreeSet::new());
        let text = format!(
            "user default off resetchannels -@all\nuser mwfarm on >own ~* &* +@all {password}\n\
             user proxy on >p ~frontend:* -@dangerous +keys (~x* +get)\n"
        );
        assert_eq!(after.text(), text);
        assert_eq!(Users::new(&text, "secret", &[], &BTreeSet::new()).text(), text);
        let kept = BTreeSet::from(["wiki-gone".to_owned(), "wiki-absent".to_owned()]);
        let kept = Users::new(before, "secret", &[], &kept).text();
        assert!(kept.contains("user wiki-gone on nopass +@all\n") && !kept.contains("absent"), "{kept}");
        let redis = format!("user proxy off {} ~frontend:*", hashed("p"));
        assert!(!after.agree(&Users::parse(&redis), "proxy"));
        assert!(after.agree(&Users::parse(&redis.replace("off", "on sanitize-payload")), "proxy"));
        assert!(!after.agree(&Users::default(), "proxy"));
    }
}
