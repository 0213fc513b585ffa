//! One Redis for all wikis.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use mwfarm::deploy::record::{State, Wiki};
use mwfarm::deploy::{cache, registry, secrets};

use super::ground::Ground;

/// Every way to another's keys, and every one to learn of them or to harm all. `{m}` and `{o}` are the prefixes of the
/// wiki and of the other one, `{a}` and `{b}` their users.
const ATTACKS: &str = include_str!("attacks.txt");

/// Whom commands are run as.
struct Client {
    socket: PathBuf,
    login: String,
}

impl Client {
    fn administrator(ground: &Ground) -> Self {
        let password = fs::read_to_string(ground.root().join("srv/private/redis.password")).expect("a password");
        Self { socket: ground.root().join("redis.sock"), login: format!("AUTH mwfarm {}", password.trim_end()) }
    }

    fn wiki(ground: &Ground, wiki: &Wiki) -> Self {
        let secrets = secrets::read(&ground.options, &wiki.name).expect("secrets");
        let login = format!("AUTH {} {}", wiki.name.user(), secrets.redis_password);
        Self { socket: ground.root().join("redis.sock"), login }
    }

    /// What Redis answers to commands, each a line; one line for each where they have one.
    #[track_caller]
    fn ask(&self, commands: &[String]) -> Vec<String> {
        let mut client = Command::new("redis-cli")
            .arg("-s")
            .arg(&self.socket)
            .args(["--no-raw"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("redis-cli runs");
        let input = format!("{}\n{}\n", self.login, commands.join("\n"));
        client.stdin.take().expect("an input").write_all(input.as_bytes()).expect("it reads");
        let output = client.wait_with_output().expect("it ends");
        let text = String::from_utf8([output.stdout, output.stderr].concat()).expect("UTF-8");
        text.lines().skip(1).filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }

    #[track_caller]
    fn one(&self, command: &str) -> String {
        self.ask(&[command.to_owned()]).join("\n")
    }
}

fn prefix(ground: &Ground, wiki: &Wiki) -> String {
    cache::prefix(&secrets::read(&ground.options, &wiki.name).expect("secrets"))
}

/// A ground with Redis and two wikis in it.
fn settled() -> (Ground, Wiki, Wiki) {
    let mut ground = Ground::new(&["users: none", "cache: {redis: ROOT/redis.sock}"]);
    ground.redis();
    let (a, b) = (ground.wiki("a"), ground.wiki("a-b"));
    assert!(ground.provide(&a));
    assert!(ground.provide(&b));
    (ground, a, b)
}

#[test]
fn users_are_those_of_the_registry_whatever_happens() {
    let (mut ground, a, _) = settled();
    let file = cache::file(&ground.options);
    let before = ground.listing();
    assert!(!ground.provide(&a));
    assert_eq!(ground.listing(), before);
    let text = fs::read_to_string(&file).expect("users");
    assert_eq!(text.lines().count(), 4);
    assert!(text.contains("user default off resetchannels -@all\n"), "{text}");
    let secret = secrets::read(&ground.options, &a.name).expect("secrets");
    assert!(!text.contains(&secret.redis_password), "only digests");
    let there = fs::metadata(&file).expect("a file");
    assert_eq!(there.mode() & 0o7777, 0o640);
    let password = ground.root().join("srv/private/redis.password");
    assert_eq!(fs::metadata(&password).expect("a file").mode() & 0o7777, 0o600);
    // Nobody without a name.
    let nobody = Client { socket: ground.root().join("redis.sock"), login: "PING".to_owned() };
    assert!(nobody.one("GET x").contains("NOAUTH"));

    let administrator = Client::administrator(&ground);
    // The default is not always said, and the order is another one after each start.
    let list = || {
        let text = administrator.one("ACL LIST").replace("sanitize-payload ", "").replace('"', "");
        let sorted = |line: &str| line.split(' ').map(str::to_owned).collect::<BTreeSet<_>>();
        text.lines().map(sorted).collect::<Vec<_>>()
    };
    let right = list();
    // Changed by hand, in Redis or in the file.
    for command in [
        "ACL SETUSER {a} +@all",
        "ACL SETUSER {a} ~*",
        "ACL DELUSER {a}",
        "ACL SETUSER default on nopass +@all ~*",
        "ACL SETUSER wiki-gone on nopass",
    ] {
        let command = command.replace("{a}", &a.name.user());
        assert!(!administrator.one(&command).contains("ERR"), "{command}");
        assert_ne!(list(), right, "{command}");
        assert!(ground.provide(&a), "{command}");
        assert_eq!(list(), right, "{command}");
    }
    fs::write(&file, text.replace("+get ", "+keys ")).expect("users");
    assert!(ground.provide(&a));
    assert_eq!(fs::read_to_string(&file).expect("users"), text);
    // Users of others stay, and so does what the administrator's line has besides.
    let more =
        text.replace("user mwfarm ", "user mwfarm >another ") + "user proxy on >p ~frontend:* -@all +srandmember\n";
    fs::write(&file, &more).expect("users");
    assert!(ground.provide(&a));
    assert!(fs::read_to_string(&file).expect("users").contains("user proxy on"));

    // What Redis has when it starts again is the same.
    fs::write(&file, &text).expect("users");
    assert!(!administrator.one("ACL DELUSER proxy").contains("ERR"));
    ground.provide(&a);
    ground.stop_server();
    fs::remove_file(ground.root().join("redis.sock")).expect("a socket");
    let refused = cache::ensure(&ground.options).expect_err("Redis does not run");
    assert!(refused.hint.is_some(), "{refused:?}");
    ground.redis();
    assert_eq!(list(), right);
    assert!(!ground.provide(&a));

    // A password that was rotated; a wiki that is archived.
    secrets::rotate(&ground.options, &a.name).expect("secrets");
    assert!(ground.provide(&a));
    assert_eq!(Client::wiki(&ground, &a).one("PING"), "PONG");
    let old = Client {
        socket: ground.root().join("redis.sock"),
        login: format!("AUTH {} {}", a.name.user(), secret.redis_password),
    };
    assert!(old.one("PING").contains("NOAUTH"));
    let mut archived = a.clone();
    archived.state = State::Archived;
    registry::put(&ground.options.layout, &archived).expect("a record");
    assert!(cache::ensure(&ground.options).expect("a cache"));
    assert!(Client::wiki(&ground, &a).one("PING").contains("NOAUTH"));
    assert!(!fs::read_to_string(&file).expect("users").contains(&a.name.user()));
}

/// `ACL LOAD` would end the connections of all wikis.
#[test]
fn a_new_wiki_disturbs_no_other() {
    let (mut ground, a, _) = settled();
    let secrets = secrets::read(&ground.options, &a.name).expect("secrets");
    let mut connected = Command::new("redis-cli")
        .arg("-s")
        .arg(ground.root().join("redis.sock"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("redis-cli runs");
    let mut input = connected.stdin.take().expect("an input");
    let key = format!("{}k", cache::prefix(&secrets));
    writeln!(input, "AUTH {} {}\nCLIENT ID\nWATCH {key}\nMULTI\nSET {key} 1", a.name.user(), secrets.redis_password)
        .expect("it reads");
    std::thread::sleep(std::time::Duration::from_millis(200));
    let more = ground.wiki("more");
    assert!(ground.provide(&more));
    // What was begun on the connection is known there only.
    writeln!(input, "EXEC").expect("it reads");
    drop(input);
    let output = String::from_utf8(connected.wait_with_output().expect("it ends").stdout).expect("UTF-8");
    assert!(output.ends_with("QUEUED\nOK\n"), "{output}");
    assert_eq!(Client::wiki(&ground, &more).one("PING"), "PONG");
}

#[test]
fn a_wiki_reaches_nothing_of_another() {
    let (ground, a, b) = settled();
    let (mine, theirs) = (Client::wiki(&ground, &a), Client::wiki(&ground, &b));
    let (own, other) = (prefix(&ground, &a), prefix(&ground, &b));
    let administrator = Client::administrator(&ground);
    let seed = [
        format!("SET {other}s secret"),
        format!("HSET {other}h f secret"),
        format!("RPUSH {other}l secret"),
        format!("SADD {other}m secret"),
        format!("ZADD {other}z 1 secret"),
        format!("SET {other}n 1"),
    ];
    assert!(theirs.ask(&seed).iter().all(|line| line == "OK" || line.contains("(integer)")), "they can");
    let digest = || administrator.one("DEBUG DIGEST");
    assert!(administrator.one("DBSIZE").contains('6'));
    let before = digest();
    for attack in ATTACKS.lines() {
        let command = attack
            .replace("{o}", &other)
            .replace("{m}", &own)
            .replace("{a}", &a.name.user())
            .replace("{b}", &b.name.user());
        let answer = mine.one(&command);
        let denied = answer.contains("NOPERM") || answer.contains("WRONGPASS");
        assert!(denied && !answer.contains("secret"), "{command}: {answer}");
    }
    // The same in a transaction, whose commands are checked one by one.
    let answers = mine.ask(&["MULTI".to_owned(), format!("GET {other}s"), "KEYS *".to_owned(), "EXEC".to_owned()]);
    assert!(
        answers[1].contains("NOPERM") && answers[2].contains("NOPERM") && answers[3].contains("EXECABORT"),
        "{answers:?}"
    );
    // Another number of a database is another place for its own keys only.
    assert!(mine.ask(&["SELECT 1".to_owned(), "GET x".to_owned()])[1].contains("NOPERM"));
    assert_eq!(digest(), before, "nothing was changed");
    // And its own it has.
    assert_eq!(mine.ask(&[format!("SET {own}k v"), format!("GET {own}k")]), ["OK", "\"v\""]);
    // Its prefix is the whole of it: the same digits without the colon are not.
    assert!(mine.one(&format!("GET {}", own.trim_end_matches(':'))).contains("NOPERM"));

    // Keys go with their wiki, whatever bytes they have.
    let many: Vec<String> = (0..3000).map(|index| format!("SET \"{own}{index}\\n'\\x00 \\\\\" v")).collect();
    assert_eq!(mine.ask(&many).len(), 3000);
    assert_eq!(cache::remove(&ground.options, &a.name).expect("keys"), 3001);
    assert_eq!(cache::remove(&ground.options, &a.name).expect("keys"), 0);
    assert_eq!(digest(), before);
}

/// What a wiki's user may run is exactly the list, of all commands that this Redis has.
#[test]
fn every_command_of_redis_is_judged() {
    let (ground, a, b) = settled();
    let administrator = Client::administrator(&ground);
    let user = a.name.user();
    let unquoted =
        |line: &String| line.rsplit_once(' ').map_or(line.as_str(), |(_, name)| name).trim_matches('"').to_owned();
    let all: Vec<String> = administrator.ask(&["COMMAND LIST".to_owned()]).iter().map(unquoted).collect();
    assert!(all.len() > 200, "only {}", all.len());
    let allowed: BTreeSet<&str> = cache::COMMANDS.iter().copied().collect();
    assert!(allowed.iter().all(|command| all.iter().any(|known| known == command)));
    let (own, other) = (prefix(&ground, &a), prefix(&ground, &b));
    // As many arguments as it takes, all of them the same key.
    let described = administrator.ask(&all.iter().map(|name| format!("COMMAND INFO {name}")).collect::<Vec<_>>());
    let mut arities = Vec::new();
    for pair in described.windows(2).filter(|pair| pair[0].starts_with("1)  1) ")) {
        let number = pair[1].trim_start().strip_prefix("2) (integer) ").expect("an arity");
        arities.push(number.parse::<i64>().expect("a number"));
    }
    assert_eq!(arities.len(), all.len());
    let mut dry = Vec::new();
    for (name, arity) in all.iter().zip(&arities) {
        let words = name.split('|').count();
        let arguments = usize::try_from(arity.abs()).expect("a number").saturating_sub(words);
        for key in [&own, &other] {
            let keys = vec![format!("{key}k"); arguments].join(" ");
            dry.push(format!("ACL DRYRUN {user} {} {keys}", name.replace('|', " ")));
        }
    }
    let answers = administrator.ask(&dry);
    assert_eq!(answers.len(), dry.len());
    let keyless = [
        "ping",
        "auth",
        "hello",
        "select",
        "echo",
        "quit",
        "reset",
        "multi",
        "exec",
        "discard",
        "unwatch",
        "unsubscribe",
    ];
    for (name, pair) in all.iter().zip(answers.chunks(2)) {
        let denied = |answer: &str| answer.contains("no permissions");
        let forbidden = |answer: &str| answer.contains("no permissions to run");
        if allowed.contains(name.as_str()) {
            assert_eq!(pair[0], "OK", "{name} on its own keys");
            assert_eq!(denied(&pair[1]), !keyless.contains(&name.as_str()), "{name} on another's: {}", pair[1]);
        } else if pair[0].contains("Command '") {
            // One that is nothing without a subcommand; those are in the list, too.
            assert!(all.iter().any(|other| other.starts_with(&format!("{name}|"))), "{name}: {pair:?}");
        } else {
            assert!(forbidden(&pair[0]) && forbidden(&pair[1]), "{name}: {pair:?}");
        }
    }
    assert_eq!(answers.iter().filter(|answer| *answer == "OK").count(), allowed.len() + keyless.len());
}

#[test]
fn a_redis_that_would_forget_is_refused() {
    let mut ground = Ground::new(&["users: none", "cache: {redis: ROOT/redis.sock}"]);
    let wiki = ground.wiki("a");
    secrets::ensure(&ground.options, &wiki).expect("secrets");
    let refused = cache::ensure(&ground.options).expect_err("nothing listens");
    let path = cache::file(&ground.options);
    let kept = ground.root().join("kept");
    fs::rename(&path, &kept).expect("renamed");
    fs::write(&path, "").expect("no users");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("permissions");
    // With the right file, of which it read an empty one, it is told.
    ground.redis();
    assert!(cache::ensure(&ground.options).expect("a cache"));
    assert_eq!(fs::read(&path).expect("users"), fs::read(&kept).expect("users"));
    assert!(!cache::ensure(&ground.options).expect("a cache"));
    assert!(refused.hint.is_some());
    let others = mwfarm::deploy::layout::Layout::new(ground.root().join("other"));
    // Another farm's Redis.
    ground.options.layout = others;
    fs::create_dir_all(ground.root().join("other/srv")).expect("a directory");
    let refused = cache::ensure(&ground.options).expect_err("it knows another administrator");
    assert!(refused.causes.iter().any(|cause| cause.contains("WRONGPASS")), "{refused:?}");
}

/// Two that make wikis at the same time each know the other's.
#[test]
fn wikis_that_are_made_at_the_same_time_all_get_in() {
    let (mut ground, ..) = settled();
    let wikis: Vec<Wiki> = (0..6).map(|index| ground.wiki(&format!("p{index}"))).collect();
    std::thread::scope(|scope| {
        for wiki in &wikis {
            let ground = &ground;
            scope.spawn(move || {
                secrets::ensure(&ground.options, wiki).expect("secrets");
                cache::ensure(&ground.options).expect("a cache");
            });
        }
    });
    for wiki in &wikis {
        assert_eq!(Client::wiki(&ground, wiki).one("PING"), "PONG");
    }
    assert!(!cache::ensure(&ground.options).expect("a cache"));
}

/// Whatever wikis there are, Redis would start with the file: it takes it as a whole, and then it has what it was told.
#[test]
fn every_file_of_users_is_loaded() {
    use proptest::strategy::{Strategy as _, ValueTree as _};

    let (mut ground, ..) = settled();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let word = "[a-z0-9]{1,7}(-[a-z0-9]{1,3}){0,1}";
    let longest = 24 - format!("t{}x{}-", std::process::id(), 65_000).len();
    let mut words: BTreeSet<String> = (0..20)
        .map(|_| word.new_tree(&mut runner).expect("a word").current())
        .filter(|word| word.len() <= longest)
        .collect();
    words.insert("z".repeat(longest));
    for word in &words {
        let wiki = ground.wiki(word);
        secrets::ensure(&ground.options, &wiki).expect("secrets");
    }
    assert!(cache::ensure(&ground.options).expect("a cache"));
    let administrator = Client::administrator(&ground);
    let list = || {
        let lines = administrator.ask(&["ACL LIST".to_owned()]);
        let sorted = |line: &String| line.split([' ', '"']).map(str::to_owned).collect::<BTreeSet<_>>();
        lines
            .iter()
            .map(sorted)
            .map(|mut words| {
                // Numbers of lines, and the default that is not always said.
                words.retain(|word| !word.ends_with(')') && word != "sanitize-payload");
                words
            })
            .collect::<BTreeSet<_>>()
    };
    let before = list();
    assert_eq!(administrator.one("ACL LOAD"), "OK");
    assert_eq!(list(), before);
    assert!(!cache::ensure(&ground.options).expect("a cache"), "nothing differs");
    assert!(before.len() > words.len());
}
