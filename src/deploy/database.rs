//! Where a wiki keeps its pages: files in its home, or a database in which its unix user logs in as itself, so that
//! there is no password.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::name::Name;
use super::options::{Database, FILE, Options};
use super::record::Wiki;
use super::system::{program, succeed};
use super::{secrets, users};
use crate::php::Value;
use crate::report::{ExitCode, Problem};

/// How many connections a wiki may have at the same time: more than a pool of PHP has workers, and few enough that one
/// wiki cannot take all of a server's 151.
const CONNECTIONS: u32 = 30;

/// Prints tables, columns and indexes.
const SCHEMA: &str = include_str!("../../php/deploy/schema.php");

/// Makes the database and its user. Says whether it changed anything.
///
/// # Errors
/// The server cannot be asked, or refuses.
pub fn ensure(options: &Options, wiki: &Wiki) -> Result<bool, Problem> {
    let Database::Mariadb(socket) = &options.database else { return Ok(false) };
    if options.users.is_none() {
        let problem = Problem::new(ExitCode::Farm, "a database of MariaDB needs wikis with users of their own");
        return Err(problem.cause(format!("{FILE}, field `deploy.users`: none")).hint("use `database: sqlite`"));
    }
    let (wanted, there) = (Server::wanted(&wiki.name), Server::read(socket, &wiki.name)?);
    if there == wanted {
        return Ok(false);
    }
    let Names { database, pattern, user } = Names::of(&wiki.name);
    // Each statement does nothing when it was done before. A user that was made otherwise becomes one without password.
    let sql = format!(
        "CREATE DATABASE IF NOT EXISTS {database} CHARACTER SET binary;\n\
         CREATE USER IF NOT EXISTS {user} IDENTIFIED VIA unix_socket WITH MAX_USER_CONNECTIONS {CONNECTIONS};\n\
         ALTER USER {user} IDENTIFIED VIA unix_socket WITH MAX_USER_CONNECTIONS {CONNECTIONS};\n\
         GRANT ALL PRIVILEGES ON {pattern}.* TO {user};\n"
    );
    ask(socket, &sql)?;
    if Server::read(socket, &wiki.name)? == wanted {
        return Ok(true);
    }
    let problem = Problem::new(ExitCode::Failed, format!("the rights of {user} are not what they should be"));
    Err(problem.hint("look at `SHOW GRANTS` for it, and revoke what is not the wiki's"))
}

/// Whether the server has a database or a user of the wiki. Files in a home are the home's affair.
///
/// # Errors
/// The server cannot be asked.
pub fn exists(options: &Options, name: &Name) -> Result<bool, Problem> {
    let Database::Mariadb(socket) = &options.database else { return Ok(false) };
    Ok(Server::read(socket, name)? != Server::default())
}

/// Removes the database and its user. Says whether there was anything to remove.
///
/// # Errors
/// The server cannot be asked, or refuses.
pub fn remove(options: &Options, name: &Name) -> Result<bool, Problem> {
    let Database::Mariadb(socket) = &options.database else { return Ok(false) };
    if !exists(options, name)? {
        return Ok(false);
    }
    let Names { database, user, .. } = Names::of(name);
    // The user first: it must not fill what is dropped.
    ask(socket, &format!("DROP USER IF EXISTS {user};\nDROP DATABASE IF EXISTS {database};\n"))?;
    Ok(true)
}

/// What tells one schema from another: tables, columns and indexes, without their content. The wiki's own user looks.
///
/// # Errors
/// A database cannot be read.
pub fn schema(options: &Options, wiki: &Wiki) -> Result<String, Problem> {
    let place = match &options.database {
        Database::None => return Ok(digest(b"")),
        Database::Sqlite => vec!["sqlite".into(), options.layout.home(&wiki.name).join("db").into_os_string()],
        Database::Mariadb(socket) => {
            vec!["mysql".into(), socket.into(), wiki.name.user().into(), wiki.name.database().into()]
        }
    };
    let settings = ["display_errors=stderr", "log_errors=0", "html_errors=0", "memory_limit=256M"];
    let mut arguments: Vec<std::ffi::OsString> =
        settings.iter().flat_map(|setting| ["-d", setting]).map(Into::into).collect();
    let script = SCHEMA.strip_prefix("<?php").unwrap_or(SCHEMA);
    arguments.extend(["-r".into(), script.into(), "--".into()]);
    arguments.extend(place);
    let unread = || Problem::new(ExitCode::Failed, format!("the schema of `{}` cannot be read", wiki.name));
    let output = succeed(&program(&options.php, arguments, users::of(options, wiki)), b"").map_err(|problem| {
        // Then PHP tells where in the script, which helps nobody.
        let problem = unread().cause(problem.causes.into_iter().next().unwrap_or(problem.what));
        match &options.database {
            Database::Mariadb(socket) => problem.hint(format!("see that MariaDB answers at `{}`", socket.display())),
            Database::Sqlite | Database::None => problem,
        }
    })?;
    // Said when all was said: PHP that dies may end with 0.
    output.strip_suffix(b"end\n").map(digest).ok_or_else(unread)
}

/// What MediaWiki is told of its database.
#[must_use]
pub fn settings(options: &Options, wiki: &Wiki) -> Vec<(String, Value)> {
    let text = |text: String| Value::Text(text);
    let name = ("wgDBname", text(wiki.name.database()));
    let settings = match &options.database {
        Database::None => Vec::new(),
        Database::Sqlite => {
            let directory = options.layout.home(&wiki.name).join("db");
            vec![
                ("wgDBtype", text("sqlite".to_owned())),
                name,
                ("wgSQLiteDataDir", text(directory.to_string_lossy().into_owned())),
            ]
        }
        Database::Mariadb(socket) => vec![
            ("wgDBtype", text("mysql".to_owned())),
            ("wgDBserver", text(format!("localhost:{}", socket.display()))),
            name,
            ("wgDBuser", text(wiki.name.user())),
            ("wgDBpassword", text(String::new())),
            ("wgDBTableOptions", text("ENGINE=InnoDB, DEFAULT CHARSET=binary".to_owned())),
        ],
    };
    settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// What MediaWiki's installer would give a wiki of `SQLite` besides: a file has one writer at a time, and what is written
/// with every request is kept out of the file of the pages, which else is often locked.
#[must_use]
pub fn files(options: &Options, wiki: &Wiki) -> Vec<(String, Value)> {
    if options.database != Database::Sqlite {
        return Vec::new();
    }
    let directory = options.layout.home(&wiki.name).join("db");
    let map =
        |pairs: Vec<(&str, Value)>| Value::Map(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect());
    let server = |name: String| {
        map(vec![
            ("type", Value::text("sqlite")),
            ("dbname", Value::Text(name)),
            ("tablePrefix", Value::text("")),
            ("variables", map(vec![("synchronous", Value::text("NORMAL"))])),
            ("dbDirectory", Value::Text(directory.to_string_lossy().into_owned())),
            ("trxMode", Value::text("IMMEDIATE")),
            ("flags", Value::Int(0)),
        ])
    };
    let cache = map(vec![
        ("class", Value::text("SqlBagOStuff")),
        ("loggroup", Value::text("SQLBagOStuff")),
        ("server", server("wikicache".to_owned())),
    ]);
    let jobs = map(vec![
        ("class", Value::text("JobQueueDB")),
        ("claimTTL", Value::Int(3600)),
        ("server", server(format!("{}_jobqueue", wiki.name.database()))),
    ]);
    vec![
        // `CACHE_DB`
        ("wgObjectCaches".to_owned(), map(vec![("1", cache)])),
        ("wgJobTypeConf".to_owned(), map(vec![("default", jobs)])),
        ("wgResourceLoaderUseObjectCacheForDeps".to_owned(), Value::Bool(true)),
    ]
}

/// What the server has of a wiki.
#[derive(Debug, Default, PartialEq, Eq)]
struct Server {
    database: bool,
    /// How it logs in, and how many times at once.
    user: Option<(String, u32)>,
    /// Patterns of the databases that it has all rights to, as written.
    databases: Vec<String>,
    /// Whether it has any rights that nobody gave it here.
    more: bool,
}

impl Server {
    fn wanted(name: &Name) -> Self {
        let pattern = name.database().replace('_', r"\_");
        let user = Some(("unix_socket".to_owned(), CONNECTIONS));
        Self { database: true, user, databases: vec![pattern], more: false }
    }

    fn read(socket: &Path, name: &Name) -> Result<Self, Problem> {
        let (database, user) = (quoted(&name.database()), quoted(&name.user()));
        // In what the client prints, a backslash is two.
        let sql = format!(
            "SELECT 'database' FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {database};\n\
             SELECT 'user', plugin, max_user_connections FROM mysql.user WHERE User = {user} AND Host = 'localhost';\n\
             SELECT 'rights', REPLACE(Db, CHAR(92), '/') FROM mysql.db \
             WHERE User = {user} AND Host = 'localhost' AND Create_priv = 'Y' AND Drop_priv = 'Y';\n\
             SELECT 'more' FROM mysql.user WHERE User = {user} AND Host <> 'localhost';\n\
             SELECT 'more' FROM information_schema.USER_PRIVILEGES \
             WHERE GRANTEE LIKE CONCAT(CHAR(39), {user}, CHAR(39), '@%') AND PRIVILEGE_TYPE <> 'USAGE';\n\
             SELECT 'more' FROM mysql.tables_priv WHERE User = {user};\n\
             SELECT 'more' FROM mysql.roles_mapping WHERE User = {user};\n"
        );
        let output = ask(socket, &sql)?;
        let mut server = Self::default();
        for line in String::from_utf8_lossy(&output).lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            match fields[..] {
                ["database"] => server.database = true,
                ["user", plugin, most] => server.user = Some((plugin.to_owned(), most.parse().unwrap_or(0))),
                ["rights", pattern] => server.databases.push(pattern.replace('/', "\\")),
                _ => server.more = true,
            }
        }
        Ok(server)
    }
}

/// A wiki's names as SQL has them. They are made of letters, digits, `-` and `_`, and so need no escapes.
struct Names {
    database: String,
    /// The same where `_` would stand for any character.
    pattern: String,
    user: String,
}

impl Names {
    fn of(name: &Name) -> Self {
        let (database, user) = (name.database(), name.user());
        let pattern = format!("`{}`", database.replace('_', r"\_"));
        Self { database: format!("`{database}`"), pattern, user: quoted(&user) + "@'localhost'" }
    }
}

/// Quoted for SQL.
fn quoted(name: &str) -> String {
    ["'", name, "'"].concat()
}

/// Runs statements as the server's administrator: root, whom the server knows by its socket.
fn ask(socket: &Path, sql: &str) -> Result<Vec<u8>, Problem> {
    let mut at = std::ffi::OsString::from("--socket=");
    at.push(socket);
    let arguments = ["--no-defaults", "--protocol=socket", "--user=root", "--batch", "--skip-column-names"];
    let client = program("mariadb", arguments.map(Into::into).into_iter().chain([at]), None);
    succeed(&client, sql.as_bytes()).map_err(|problem| {
        let hint = format!("see that MariaDB answers at `{}`, and knows root by its socket", socket.display());
        problem.hint(hint)
    })
}

/// The schema of a wiki whose database has nothing in it yet.
#[must_use]
pub fn nothing() -> String {
    digest(b"")
}

fn digest(text: &[u8]) -> String {
    secrets::hex(&Sha256::digest(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_one_database() {
        let names = Names::of(&Name::new("a-b").unwrap());
        assert_eq!((names.database.as_str(), names.pattern.as_str()), ("`wiki_a_b`", r"`wiki\_a\_b`"));
        assert_eq!(names.user, "'wiki-a-b'@'localhost'");
    }
}
