//! Databases: those of `MariaDB`, in which a wiki's unix user is itself, and files.

use std::path::PathBuf;

use mwfarm::deploy::record::Wiki;
use mwfarm::deploy::{database, home, users};
use mwfarm::report::ExitCode;

use super::ground::{Ground, as_user, output};

fn uid(wiki: &Wiki) -> u32 {
    wiki.uid.expect("a number")
}

/// Runs SQL as the unix user of one wiki, who says to be another one.
fn sql(ground: &Ground, runs: &Wiki, says: &Wiki, database: &str, statement: &str) -> (bool, String) {
    let socket = ground.root().join("mariadb.sock");
    let arguments = ["--no-defaults", "-N", "-B", "-S", socket.to_str().expect("UTF-8"), "-u", &says.name.user()];
    let arguments = [&arguments[..], &["-e", statement, database]].concat();
    as_user(uid(runs), "/".as_ref(), "mariadb", &arguments)
}

fn root(ground: &Ground, statement: &str) -> String {
    let socket = ground.root().join("mariadb.sock");
    let ran = output("mariadb", &["--no-defaults", "-N", "-B", "-S", socket.to_str().expect("UTF-8"), "-e", statement]);
    assert!(ran.status.success(), "{ran:?}");
    String::from_utf8(ran.stdout).expect("UTF-8")
}

#[test]
fn a_wiki_is_itself_in_mariadb_and_nobody_else() {
    let mut ground = Ground::new(&["database: {mariadb: ROOT/mariadb.sock}"]);
    ground.mariadb();
    let (a, b) = (ground.wiki("a-1"), ground.wiki("b"));
    for wiki in [&a, &b] {
        users::ensure(&ground.options, wiki).expect("a user");
        assert!(!database::exists(&ground.options, &wiki.name).expect("an answer"));
        assert_eq!([true, false], [(); 2].map(|()| database::ensure(&ground.options, wiki).expect("a database")));
        assert!(database::exists(&ground.options, &wiki.name).expect("an answer"));
    }
    let (mine, theirs) = (a.name.database(), b.name.database());
    assert!(sql(&ground, &b, &b, &theirs, "CREATE TABLE secret (t TEXT)").0);
    assert!(sql(&ground, &a, &a, &mine, "CREATE TABLE own (t TEXT); INSERT INTO own VALUES (CURRENT_USER())").0);

    // As itself: only its own, also where `_` could be any character.
    let like = mine.replacen('_', "x", 1);
    root(&ground, &format!("CREATE DATABASE {like}; CREATE TABLE {like}.secret (t TEXT)"));
    for (database, statement) in [
        (theirs.as_str(), "SELECT 1"),
        (&like, "SELECT 1"),
        ("mysql", "SELECT * FROM global_priv"),
        (&mine, &*format!("SELECT * FROM {theirs}.secret")),
        (&mine, &format!("SELECT * FROM {like}.secret")),
        (&mine, &format!("CREATE DATABASE {like}2")),
        (&mine, "CREATE USER x"),
        (&mine, "SET PASSWORD FOR root@localhost = ''"),
        (&mine, "SELECT 1 INTO OUTFILE '/tmp/mwfarm-outfile'"),
        (&mine, "SET GLOBAL max_connections = 1"),
        (&mine, &format!("GRANT ALL ON {mine}.* TO 'wiki-x'@'localhost'")),
        (&mine, &format!("DROP DATABASE {theirs}")),
    ] {
        let (well, said) = sql(&ground, &a, &a, database, statement);
        assert!(!well && said.contains("denied"), "{statement}: {said}");
    }
    assert_eq!(sql(&ground, &a, &a, &mine, "SELECT LOAD_FILE('/etc/passwd')"), (true, "NULL\n".to_owned()));
    let names = sql(&ground, &a, &a, &mine, "SHOW DATABASES").1;
    assert_eq!(names, format!("information_schema\n{mine}\n"));
    let seen = sql(&ground, &a, &a, &mine, "SELECT DISTINCT USER FROM information_schema.PROCESSLIST").1;
    assert_eq!(seen, format!("{}\n", a.name.user()));
    // As another one: not at all, nor as the administrator.
    let (well, said) = sql(&ground, &a, &b, &theirs, "SELECT 1");
    assert!(!well && said.contains("Access denied"), "{said}");
    let socket = ground.root().join("mariadb.sock");
    let socket = socket.to_str().expect("UTF-8");
    assert!(
        !as_user(uid(&a), "/".as_ref(), "mariadb", &["--no-defaults", "-S", socket, "-u", "root", "-e", "SELECT 1"]).0
    );

    // What a kill or an operator left is finished.
    let user = format!("'{}'@'localhost'", a.name.user());
    for left in [
        format!("DROP USER {user}"),
        format!("ALTER USER {user} IDENTIFIED BY 'x'"),
        format!("ALTER USER {user} WITH MAX_USER_CONNECTIONS 0"),
        format!("REVOKE ALL PRIVILEGES, GRANT OPTION FROM {user}"),
    ] {
        root(&ground, &left);
        assert!(database::ensure(&ground.options, &a).expect("a database"), "{left}");
        assert!(!database::ensure(&ground.options, &a).expect("a database"), "{left}");
        assert_eq!(sql(&ground, &a, &a, &mine, "SELECT COUNT(*) FROM own"), (true, "1\n".to_owned()));
    }
    // More than it should have is told, not taken for right.
    for (give, take) in [
        (format!("GRANT ALL ON {theirs}.* TO {user}"), format!("REVOKE ALL ON {theirs}.* FROM {user}")),
        (format!("GRANT SELECT ON *.* TO {user}"), format!("REVOKE SELECT ON *.* FROM {user}")),
    ] {
        root(&ground, &give);
        let refused = database::ensure(&ground.options, &a).expect_err("refused");
        assert!(refused.hint.is_some(), "{refused:?}");
        root(&ground, &take);
    }
    assert!(!database::ensure(&ground.options, &a).expect("a database"));

    // The schema, without content.
    let schema = |wiki: &Wiki| database::schema(&ground.options, wiki).expect("a schema");
    let first = schema(&a);
    assert_ne!(first, schema(&b));
    for (statement, same) in [
        ("INSERT INTO own VALUES ('x')", true),
        ("ALTER TABLE own ADD i INT", false),
        ("CREATE INDEX k ON own (i)", false),
        ("ALTER TABLE own MODIFY i BIGINT", false),
        ("CREATE TABLE more (i INT PRIMARY KEY AUTO_INCREMENT)", false),
        ("INSERT INTO more VALUES (NULL)", true),
        ("ANALYZE TABLE own, more", true),
    ] {
        let before = schema(&a);
        let (well, said) = sql(&ground, &a, &a, &mine, statement);
        assert!(well, "{said}");
        assert_eq!(schema(&a) == before, same, "{statement}");
    }
    let (well, said) = sql(&ground, &a, &a, &mine, "DROP TABLE more; DROP INDEX k ON own; ALTER TABLE own DROP i");
    assert!(well, "{said}");
    assert_eq!(schema(&a), first, "the way back");

    assert!(database::remove(&ground.options, &a.name).expect("it goes"));
    assert!(!database::remove(&ground.options, &a.name).expect("it is gone"));
    assert!(!database::exists(&ground.options, &a.name).expect("an answer"));
    assert!(root(&ground, "SHOW DATABASES").contains(&like), "only its own");
    assert!(database::schema(&ground.options, &a).is_err());
    ground.stop_server();
    let refused = database::ensure(&ground.options, &a).expect_err("the server does not run");
    assert!(refused.hint.is_some(), "{refused:?}");
}

#[test]
fn files_are_looked_at_as_the_wiki() {
    let mut ground = Ground::new(&[]);
    let wiki = ground.wiki("a");
    users::ensure(&ground.options, &wiki).expect("a user");
    home::ensure(&ground.options, &wiki).expect("a home");
    let directory = ground.options.layout.home(&wiki.name).join("db");
    let schema = || database::schema(&ground.options, &wiki).expect("a schema");
    let run = |file: &str, statement: &str| {
        let code = format!("(new PDO('sqlite:{file}'))->exec(\"{statement}\");");
        let (well, said) = as_user(uid(&wiki), &directory, "php", &["-r", &code]);
        assert!(well, "{said}");
    };
    let none = schema();
    assert_eq!(none, schema());
    for (file, statement, same) in [
        ("w.sqlite", "CREATE TABLE a (b TEXT)", false),
        ("w.sqlite", "INSERT INTO a VALUES ('x')", true),
        ("w.sqlite", "CREATE INDEX i ON a (b)", false),
        ("other.sqlite", "CREATE TABLE a (b TEXT)", false),
        ("w.sqlite", "ANALYZE", true),
        ("no-database", "CREATE TABLE a (b TEXT)", true),
        ("w.sqlite", "VACUUM", true),
        ("w.sqlite", "PRAGMA journal_mode=WAL; INSERT INTO a VALUES ('y')", true),
        ("w.sqlite", "DROP INDEX i", false),
    ] {
        let before = schema();
        run(file, statement);
        assert_eq!(schema() == before, same, "{file}: {statement}");
    }
    // What is not its own, and what is no database.
    let foreign = ground.root().join("foreign.sqlite");
    std::fs::write(&foreign, "x").expect("a file");
    let before = schema();
    let (well, said) = as_user(uid(&wiki), &directory, "ln", &["-s", foreign.to_str().expect("UTF-8"), "l.sqlite"]);
    assert!(well, "{said}");
    assert_eq!(schema(), before);
    std::fs::write(directory.join("bad.sqlite"), "no database at all, but long enough to be read as one")
        .expect("a file");
    let failed = database::schema(&ground.options, &wiki).expect_err("no database");
    assert_eq!(failed.exit, ExitCode::Failed);
    assert!(failed.causes.iter().any(|cause| cause.contains("not a database")), "{failed:?}");
}

#[test]
fn a_server_needs_users() {
    let mut ground = Ground::new(&["users: none", "database: {mariadb: /nonexistent}"]);
    let wiki = ground.wiki("a");
    let refused = database::ensure(&ground.options, &wiki).expect_err("refused");
    assert_eq!((refused.exit, refused.hint.is_some()), (ExitCode::Farm, true));
    ground.options.database = mwfarm::deploy::options::Database::Sqlite;
    let settings = database::settings(&ground.options, &wiki);
    let directory: PathBuf = ground.options.layout.home(&wiki.name).join("db");
    let value = mwfarm::php::Value::Text(directory.to_str().expect("UTF-8").to_owned());
    assert!(settings.contains(&("wgSQLiteDataDir".to_owned(), value)));
}
