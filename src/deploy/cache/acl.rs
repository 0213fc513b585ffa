//! Users of Redis as lines of its `aclfile`.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::super::name::Name;
use super::super::secrets::Secrets;

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

/// Users with their rules, by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Users(BTreeMap<String, BTreeSet<String>>);

impl Users {
    /// What the file should say: nobody without a name, the administrator, the wikis, and whom others added to it.
    ///
    /// An administrator that is there stays as it is, with our password besides.
    pub(super) fn new(before: &str, administrator: &str, wikis: &[(Name, Secrets)]) -> Self {
        let mut users = Self::parse(before);
        users.0.retain(|user, _| !is_wiki(user));
        users.0.insert("default".to_owned(), words("off resetchannels -@all"));
        let line = users.0.entry(ADMINISTRATOR.to_owned()).or_insert_with(|| words("on ~* &* +@all"));
        line.insert(hashed(administrator));
        for (name, secrets) in wikis {
            let prefix = super::prefix(secrets);
            let mut rules = words("on resetchannels");
            rules.extend([hashed(&secrets.redis_password), format!("~{prefix}*"), format!("&{prefix}*")]);
            rules.extend(commands());
            users.0.insert(name.user(), rules);
        }
        users
    }

    /// What a file has, or what `ACL LIST` says. Order means nothing for rules as Redis writes them, except that those
    /// which take everything away come first.
    pub(super) fn parse(text: &str) -> Self {
        let mut users = BTreeMap::new();
        for line in text.lines() {
            let mut all = line.split_ascii_whitespace();
            if let (Some("user"), Some(user)) = (all.next(), all.next()) {
                // The default, which some versions say and others do not.
                let rules = all.filter(|word| *word != "sanitize-payload");
                let rules = rules.map(|word| word.strip_prefix('>').map_or_else(|| word.to_owned(), hashed)).collect();
                users.insert(user.to_owned(), rules);
            }
        }
        Self(users)
    }

    /// Takes out the user with the rules of [`pattern`], and gives the commands of wikis back to all who have the same.
    /// Redis tells them in words of its own: categories, and what of them is not allowed.
    pub(super) fn spelled_out(mut self) -> Self {
        let Some(pattern) = self.0.remove(PATTERN) else { return self };
        let of = |rules: &BTreeSet<String>| -> BTreeSet<String> {
            rules.iter().filter(|rule| is_command(rule)).cloned().collect()
        };
        let pattern = of(&pattern);
        for rules in self.0.values_mut().filter(|rules| of(rules) == pattern) {
            rules.retain(|rule| !is_command(rule));
            rules.extend(commands());
        }
        self
    }

    /// The text of the file.
    pub(super) fn text(&self) -> String {
        self.0.keys().map(|user| format!("user {user} {}\n", self.rules(user))).collect()
    }

    /// All names.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether a user in Redis is as we want it. Of those whom others wrote, and of the administrator, all that counts is
    /// that they are there, with their passwords: Redis tells other rules in words of its own.
    pub(super) fn agree(&self, redis: &Self, user: &str) -> bool {
        match (self.0.get(user), redis.0.get(user)) {
            (Some(wanted), Some(there)) if user != "default" && !is_wiki(user) => {
                wanted.iter().filter(|rule| rule.starts_with('#') || *rule == "on").all(|rule| there.contains(rule))
            }
            (wanted, there) => wanted == there,
        }
    }

    /// The rules of a user, in an order in which each has its effect.
    pub(super) fn rules(&self, user: &str) -> String {
        let Some(rules) = self.0.get(user) else { return String::new() };
        let rank = |rule: &str| match rule {
            "on" | "off" => 0,
            _ if rule.starts_with('#') => 1,
            _ if rule.starts_with('~') || rule.starts_with('%') => 2,
            "resetchannels" => 3,
            _ if rule.starts_with('&') => 4,
            "-@all" | "+@all" => 5,
            _ => 6,
        };
        let mut ordered: Vec<&str> = rules.iter().map(String::as_str).collect();
        ordered.sort_by_key(|rule| rank(rule));
        ordered.join(" ")
    }
}

/// The commands that make a user from which is seen how Redis tells the commands of wikis, and that remove it. Nobody can
/// log in as it, and it has no keys.
pub(super) fn pattern() -> [String; 2] {
    let users = Users([(PATTERN.to_owned(), commands())].into());
    [format!("ACL SETUSER {PATTERN} reset {}", users.rules(PATTERN)), format!("ACL DELUSER {PATTERN}")]
}

fn commands() -> BTreeSet<String> {
    let mut rules: BTreeSet<String> = COMMANDS.iter().map(|command| format!("+{command}")).collect();
    rules.insert("-@all".to_owned());
    rules
}

fn is_command(rule: &str) -> bool {
    rule.starts_with(['+', '-'])
}

/// Whether a user of Redis is a wiki's.
pub(super) fn is_wiki(user: &str) -> bool {
    user.starts_with("wiki-")
}

fn words(text: &str) -> BTreeSet<String> {
    text.split(' ').map(str::to_owned).collect()
}

fn hashed(password: &str) -> String {
    let digest = Sha256::digest(password.as_bytes());
    digest.iter().fold("#".to_owned(), |hex, byte| format!("{hex}{byte:02x}"))
}
