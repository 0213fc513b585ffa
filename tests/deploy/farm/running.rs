//! What runs says the same as the registry: Redis, `MariaDB`, the web servers, and the processes of the wikis' users.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Farm;
use crate::deploy::servers::{mariadb_says, redis_says};
use crate::deploy::web::daemons::ask;

/// How long processes of a wiki that is gone may take to end: PHP-FPM lets requests end first.
const ENDS: Duration = Duration::from_secs(60);

/// Adds what is wrong with what runs. `served` are the wikis that are to be.
pub(super) fn runs(farm: &Farm, wikis: &BTreeMap<String, Value>, served: &BTreeSet<String>, wrong: &mut Vec<String>) {
    let options = fs::read_to_string(farm.at("mwfarm.yml")).expect("options");
    if options.contains("  cache: {redis:") {
        cache(farm, wikis, served, wrong);
    }
    if options.contains("  database: {mariadb:") {
        database(farm, wikis, wrong);
    }
    if farm.web != "none" {
        web(farm, wikis, served, wrong);
    }
    if farm.users {
        processes(farm, wikis, wrong);
    }
}

/// Redis lets in exactly the wikis that are served, as the file says which it reads when it starts; and has no key of a
/// wiki that is gone.
fn cache(farm: &Farm, wikis: &BTreeMap<String, Value>, served: &BTreeSet<String>, wrong: &mut Vec<String>) {
    let file = fs::read_to_string(farm.at("etc/mwfarm/users.acl")).expect("users");
    let (file, running) = (users(&file), users(&redis_says(&farm.base, "ACL LIST").join("\n")));
    if file != running {
        wrong.push(format!("Redis has other users than its file: {running:?}, not {file:?}"));
    }
    let names: BTreeSet<String> = running.keys().cloned().collect();
    if names != *served {
        wrong.push(format!("Redis lets in {names:?}, not {served:?}"));
    }
    let mut prefixes = BTreeSet::new();
    for name in wikis.keys() {
        // `'prefix' => '0123…:'`
        let secrets = fs::read_to_string(farm.at(&format!("run/mwfarm/secrets/{name}.php"))).unwrap_or_default();
        let prefix = secrets.split("'prefix' => '").nth(1).and_then(|rest| rest.split('\'').next());
        let Some(prefix) = prefix.filter(|prefix| prefix.len() > 20) else {
            wrong.push(format!("{name} has no prefix in its secrets"));
            continue;
        };
        let its = [format!("~{prefix}*"), format!("&{prefix}*")];
        if served.contains(name) && !running.get(name).is_some_and(|rules| its.iter().all(|its| rules.contains(its))) {
            wrong.push(format!("{name} has another prefix in Redis"));
        }
        prefixes.insert(prefix.to_owned());
    }
    for key in redis_says(&farm.base, "KEYS *") {
        if !prefixes.iter().any(|prefix| key.starts_with(prefix)) && key != "(empty array)" {
            wrong.push(format!("Redis has the key {key} of no wiki"));
        }
    }
}

/// Wikis with what tells them apart: passwords, keys, channels, and whether they may come in. Commands are told in other
/// words by Redis than by the file.
fn users(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let user = |line: &str| {
        let (name, rules) = line.strip_prefix("user wiki-")?.split_once(' ')?;
        let tells = |rule: &&str| rule.starts_with(['#', '~', '&']) || matches!(*rule, "on" | "off" | "nopass");
        Some((name.to_owned(), rules.split(' ').filter(tells).map(str::to_owned).collect()))
    };
    text.lines().filter_map(user).collect()
}

/// `MariaDB` has the databases, users and rights of the wikis, and no others.
fn database(farm: &Farm, wikis: &BTreeMap<String, Value>, wrong: &mut Vec<String>) {
    let mut wanted = BTreeSet::new();
    for name in wikis.keys() {
        let database = format!("wiki_{}", name.replace('-', "_"));
        wanted.insert(format!("database {database}"));
        wanted.insert(format!("user wiki-{name}@localhost unix_socket"));
        wanted.insert(format!("rights wiki-{name}@localhost {}", database.replace('_', "/_")));
    }
    let sql = "SELECT CONCAT('database ', SCHEMA_NAME) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE 'wiki%';\
               SELECT CONCAT('user ', User, '@', Host, ' ', plugin) FROM mysql.user WHERE User LIKE 'wiki%';\
               SELECT CONCAT('rights ', User, '@', Host, ' ', REPLACE(Db, CHAR(92), '/')) FROM mysql.db \
               WHERE User LIKE 'wiki%';\
               SELECT CONCAT('more rights of ', GRANTEE) FROM information_schema.USER_PRIVILEGES \
               WHERE GRANTEE LIKE '%wiki%' AND PRIVILEGE_TYPE <> 'USAGE';";
    let there: BTreeSet<String> = mariadb_says(&farm.base, sql).lines().map(str::to_owned).collect();
    for differs in there.symmetric_difference(&wanted) {
        let what = if there.contains(differs) { "has" } else { "lacks" };
        wrong.push(format!("MariaDB {what} {differs}"));
    }
}

/// Each wiki answers with the release that its link names, and those that are off the web do not.
fn web(farm: &Farm, wikis: &BTreeMap<String, Value>, served: &BTreeSet<String>, wrong: &mut Vec<String>) {
    for (name, wiki) in wikis {
        let (host, backend) = (format!("{name}.wiki.test"), farm.behind(wiki));
        let asked = |address: &str, host: &str| ask(address, host, "/index.php", "").expect("an answer");
        let (outside, behind) = (asked(&farm.proxy, &host), asked(backend, &host));
        if !served.contains(name) {
            if outside.status != 404 || behind.status == 200 {
                wrong.push(format!("{name} is off the web, and answers: {outside:?}, {behind:?}"));
            }
            continue;
        }
        let link = fs::read_link(farm.at("srv/deployment/servicegroup").join(name)).unwrap_or_default();
        let release = link.file_name().unwrap_or_default().to_string_lossy().into_owned();
        for reply in [outside, behind] {
            let is_of = format!("{}\r\n", reply.head).contains(&format!("MwFarm-Release: {release}\r\n"));
            if reply.status != 200 || !is_of {
                wrong.push(format!("{name} serves {release}, and answers {reply:?}"));
            }
        }
        if asked(backend, &format!("next--{host}")).status == 200 {
            wrong.push(format!("{name} is being tried"));
        }
    }
    if farm.web == "fpm" {
        let sockets = fs::read_dir(farm.at("run/mwfarm/fpm")).expect("sockets").flatten();
        let listening = sockets.filter(|socket| UnixStream::connect(socket.path()).is_ok());
        let pools = listening.filter_map(|socket| Some(socket.file_name().to_str()?.strip_suffix(".sock")?.to_owned()));
        let pools: BTreeSet<String> = pools.filter(|pool| pool != "unknown").collect();
        if pools != *served {
            wrong.push(format!("PHP-FPM has the pools {pools:?}, not {served:?}"));
        }
    }
}

/// Nothing runs as a wiki's user but what serves the wiki, and nothing at all as one that was deleted.
fn processes(farm: &Farm, wikis: &BTreeMap<String, Value>, wrong: &mut Vec<String>) {
    let known: BTreeSet<u32> =
        wikis.values().filter_map(|wiki| wiki["uid"].as_u64().and_then(|uid| uid.try_into().ok())).collect();
    let begun = Instant::now();
    loop {
        let left: Vec<String> = strangers(farm, &known);
        if left.is_empty() {
            return;
        }
        if begun.elapsed() > ENDS {
            wrong.push(format!("these run on: {left:?}"));
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn strangers(farm: &Farm, known: &BTreeSet<u32>) -> Vec<String> {
    let mut found = Vec::new();
    for process in fs::read_dir("/proc").expect("processes").flatten() {
        let Ok(status) = fs::read_to_string(process.path().join("status")) else { continue };
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
        let uid = field("Uid:").split_whitespace().next().and_then(|uid| uid.parse::<u32>().ok());
        let Some(uid) = uid.filter(|uid| farm.uids.contains(uid)) else { continue };
        let serves = ["php-fpm", "apache2"].iter().any(|server| field("Name:").starts_with(server));
        let is_expected = serves && known.contains(&uid);
        if !is_expected && !field("State:").starts_with('Z') {
            found.push(format!("{} {} as {uid}", process.file_name().display(), field("Name:")));
        }
    }
    found
}
