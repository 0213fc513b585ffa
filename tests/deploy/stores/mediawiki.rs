//! A real MediaWiki with a cache, files and a database as they are made here.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use mwfarm::deploy::options::Database;
use mwfarm::deploy::record::Wiki;
use mwfarm::deploy::{cache, database, home, secrets};
use mwfarm::php::Value;

use super::ground::{Ground, as_user};
use crate::deploy::mediawiki::browser::Browser;
use crate::deploy::servers::redis_says;
use crate::farm::composer;

/// `php -S`, as a wiki's user.
struct Web {
    server: Child,
    port: u16,
}

impl Web {
    fn start(ground: &Ground, wiki: &Wiki, tree: &Path, settings: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
        let uid = wiki.uid.expect("a number");
        let server = Command::new("setpriv")
            .args([format!("--reuid={uid}"), format!("--regid={uid}"), "--clear-groups".to_owned()])
            .args(["php", "-d", "display_errors=1", "-S", &format!("127.0.0.1:{port}"), "-t"])
            .arg(tree)
            .env("MW_CONFIG_FILE", settings)
            .env("TMPDIR", ground.options.layout.home(&wiki.name).join("tmp"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("php runs");
        let web = Self { server, port };
        for _ in 0..6000 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return web;
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("`php -S` does not listen on {port}");
    }

    /// The whole answer.
    #[track_caller]
    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        write!(stream, "GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{}\r\n\r\n", self.port).expect("it reads");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("it answers");
        String::from_utf8_lossy(&answer).into_owned()
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        let _ = self.server.kill().and_then(|()| self.server.wait());
    }
}

/// Settings as a release has them: arrays are merged, and secrets are read from their file.
fn write_settings(ground: &Ground, wiki: &Wiki, more: &str) -> std::path::PathBuf {
    let options = &ground.options;
    let mut php = String::from("<?php\n");
    let secret = options.layout.secrets(&wiki.name);
    let _ = writeln!(php, "foreach ((require '{}')['settings'] as $n => $v) {{ $$n = $v; }}", secret.display());
    let release = "1-0123456789ab".parse().expect("a release");
    let all =
        [home::settings(options, wiki, &release), database::settings(options, wiki), cache::settings(options, wiki)];
    for (name, value) in all.concat() {
        let mut text = String::new();
        value.write(&mut text, 0);
        let _ = match value {
            Value::Map(_) => writeln!(php, "${name} = array_replace(${name} ?? [], {text});"),
            _ => writeln!(php, "${name} = {text};"),
        };
    }
    php.push_str(
        "$wgServer = 'http://127.0.0.1'; $wgScriptPath = ''; $wgShowExceptionDetails = true; wfLoadSkin('Vector');\n",
    );
    php.push_str(more);
    let path = ground.root().join(format!("settings-{}.php", wiki.name));
    fs::write(&path, php).expect("settings");
    path
}

fn views_leave_no_denial(version: &str, database: &str) {
    let mut ground = Ground::new(&["cache: {redis: ROOT/redis.sock}", database]);
    let socket = ground.root().join("mariadb.sock");
    let is_mariadb = matches!(ground.options.database, Database::Mariadb(_));
    if is_mariadb {
        ground.mariadb();
    }
    let wiki = ground.wiki("m-w");
    ground.provide_without_cache(&wiki);
    ground.redis();
    assert!(!ground.provide(&wiki), "Redis read the file");
    let tree = composer::trees().join(version).canonicalize().expect("a tree");
    let (home, uid) = (ground.options.layout.home(&wiki.name), wiki.uid.expect("a number"));
    let secrets = secrets::read(&ground.options, &wiki.name).expect("secrets");

    // Installed as the wiki, which also is what `wiki create` does.
    let before = database::schema(&ground.options, &wiki).expect("a schema");
    let passwords = ground.root().join("password");
    fs::write(&passwords, &secrets.admin_password).expect("a password");
    let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let (script, db, tmp) =
        (text(&tree.join("maintenance/install.php")), text(&home.join("db")), text(&home.join("tmp")));
    let (name, user, server) = (wiki.name.database(), wiki.name.user(), format!("localhost:{}", socket.display()));
    let place = if is_mariadb {
        vec!["--dbtype", "mysql", "--dbserver", &server, "--dbuser", &user, "--installdbuser", &user, "--dbpass", ""]
    } else {
        vec!["--dbtype", "sqlite", "--dbpath", &db]
    };
    let passwords = text(&passwords);
    let rest = ["--dbname", &name, "--confpath", &tmp, "--passfile", &passwords, "--scriptpath", "", "--server"];
    let arguments = [&[&*script], &place[..], &rest, &["http://127.0.0.1", "Wiki", "Admin"]].concat();
    let (well, said) = as_user(uid, &tree, "php", &arguments);
    assert!(well, "{said}");
    let installed = database::schema(&ground.options, &wiki).expect("a schema");
    assert_ne!(installed, before);

    let settings = write_settings(&ground, &wiki, "");
    let prefix = cache::prefix(&secrets);
    let view = |settings: &Path| {
        redis_says(ground.root(), "ACL LOG RESET\nFLUSHALL");
        let web = Web::start(&ground, &wiki, &tree, settings);
        for path in [
            "/index.php?title=Main_Page",
            "/index.php?title=Main_Page",
            "/api.php?action=query&meta=siteinfo&format=json",
            "/index.php?title=Special:RecentChanges",
            "/load.php?modules=startup&only=scripts&raw=1",
            "/load.php?modules=jquery%2Cmediawiki.base&lang=en&skin=vector",
            "/index.php?title=Special:UserLogin",
        ] {
            let answer = web.get(path);
            assert!(answer.starts_with("HTTP/1.0 200") || answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
            assert!(!answer.contains("Warning") || !answer.contains(".php on line"), "{path}: {answer}");
        }
        (redis_says(ground.root(), "ACL LOG"), redis_says(ground.root(), "KEYS *"))
    };
    let (denied, keys) = view(&settings);
    assert_eq!(denied, [""; 0]);
    let foreign: Vec<&String> = keys.iter().filter(|key| !key.starts_with(&prefix)).collect();
    assert_eq!(foreign, [""; 0]);
    assert!(keys.len() > 20, "it is used: {keys:?}");
    // What has no wiki in its name is there, too.
    assert!(keys.iter().any(|key| key.contains("global")), "{keys:?}");
    assert_eq!(database::schema(&ground.options, &wiki).expect("a schema"), installed, "views change none");
    work(&ground, &wiki, &tree, &write_settings(&ground, &wiki, "$wgEnableUploads = true;\n"));

    // MediaWiki's own class, which knows no prefix, is refused all of that.
    let plain = format!(
        "$wgObjectCaches['redis'] = ['class' => 'RedisBagOStuff', 'servers' => ['{}'], 'password' => ['{}', '{}']];",
        ground.root().join("redis.sock").display(),
        wiki.name.user(),
        secrets.redis_password
    );
    let (denied, keys) = view(&write_settings(&ground, &wiki, &plain));
    assert!(!denied.is_empty() && keys.is_empty(), "{keys:?}");
}

/// What somebody does who is logged in, and what is done for them later: nothing of it is refused.
fn work(ground: &Ground, wiki: &Wiki, tree: &Path, settings: &Path) {
    redis_says(ground.root(), "ACL LOG RESET\nFLUSHALL");
    let password = secrets::read(&ground.options, &wiki.name).expect("secrets").admin_password;
    let web = Web::start(ground, wiki, tree, settings);
    let address = format!("127.0.0.1:{}", web.port);
    let mut admin = Browser::new(&address, "127.0.0.1".to_owned());
    admin.log_in("Admin", &password);
    admin.edit("Template:Part", "A part.");
    admin.edit("Written", "{{Part}} [[Another]] [[Category:Kept]]");
    // Of what contains it, jobs are made.
    admin.edit("Template:Part", "Another part.");
    let image = fs::read(tree.join("resources/assets/licenses/cc-0.png")).expect("an image");
    admin.upload("Image.png", &image);
    for path in [
        "/index.php?title=Written",
        "/index.php?title=File:Image.png",
        "/index.php?title=Special:Watchlist",
        "/index.php?title=Special:Preferences",
        "/index.php?title=Written&action=history",
        "/index.php?title=Special:Search&search=part",
    ] {
        assert_eq!(admin.ask(path, &[]).status, 200, "{path}");
    }
    let uid = wiki.uid.expect("a number");
    // What limits of rates count with: it begins, goes on, and ends.
    let count = "$c = ObjectCache::getInstance('redis'); $k = $c->makeKey('counted'); $n = $c->makeKey('new');\n\
                 echo json_encode([$c->incrWithInit($k, 60), $c->incrWithInit($k, 60), $c->incrWithInit($k, 60, 5, 7), \
                 $c->get($k), $c->incrWithInit($n, 0, 5, 7)]), PHP_EOL;\n";
    let file = ground.options.layout.home(&wiki.name).join("tmp/count.txt");
    fs::write(&file, count).expect("a file");
    let script = format!("php maintenance/eval.php --conf {} < {}", settings.display(), file.display());
    let (well, said) = as_user(uid, tree, "sh", &["-c", &script]);
    assert!(well && said.contains("[1,2,7,7,7]"), "{said}");
    let script = tree.join("maintenance/runJobs.php").display().to_string();
    let (well, said) = as_user(uid, tree, "php", &[&script, "--conf", &settings.display().to_string()]);
    assert!(well, "{said}");
    assert!(admin.ask("/index.php?title=Written&action=purge", &[("wpEditToken", "+")]).status < 500);
    admin.ask("/index.php?title=Special:UserLogout", &[]);
    drop(admin);
    drop(web);
    assert_eq!(redis_says(ground.root(), "ACL LOG"), [""; 0]);
    let prefix = cache::prefix(&secrets::read(&ground.options, &wiki.name).expect("secrets"));
    let keys = redis_says(ground.root(), "KEYS *");
    assert!(keys.iter().all(|key| key.starts_with(&prefix)), "{keys:?}");
    assert!(keys.iter().any(|key| key.contains("MWSession")), "sessions are there, too: {keys:?}");
}

#[test]
fn mediawiki_1_39_keeps_to_its_prefix_with_files() {
    views_leave_no_denial("1.39", "database: sqlite");
}

#[test]
fn mediawiki_1_43_keeps_to_its_prefix_with_a_server() {
    views_leave_no_denial("1.43", "database: {mariadb: ROOT/mariadb.sock}");
}
