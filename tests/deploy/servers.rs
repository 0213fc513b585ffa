//! Redis and `MariaDB` of the tests' own, in a temporary root, on sockets only.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// Starts Redis at `redis.sock` with a file of users, as a farm's operator does.
pub(super) fn redis(root: &Path, users: &Path) -> Child {
    let redis = Command::new("redis-server")
        .args(["--port", "0", "--save", "", "--unixsocket"])
        .arg(root.join("redis.sock"))
        .args([
            "--unixsocketperm",
            "777",
            "--enable-debug-command",
            "yes",
            "--acl-pubsub-default",
            "resetchannels",
            "--dir",
        ])
        .arg(root)
        .arg("--aclfile")
        .arg(users)
        .stdout(Stdio::null())
        .spawn();
    let redis = redis.expect("redis-server runs");
    wait(&root.join("redis.sock"));
    redis
}

/// What the administrator of the cache sees, a line each.
pub(super) fn redis_says(root: &Path, commands: &str) -> Vec<String> {
    let password = fs::read_to_string(root.join("srv/private/redis.password")).expect("a password");
    let mut client = Command::new("redis-cli")
        .arg("-s")
        .arg(root.join("redis.sock"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("redis-cli runs");
    let input = format!("AUTH mwfarm {}\n{commands}\n", password.trim_end());
    client.stdin.take().expect("an input").write_all(input.as_bytes()).expect("it reads");
    let output = client.wait_with_output().expect("it ends");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().skip(1).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// What `MariaDB`'s administrator reads.
pub(super) fn mariadb_says(root: &Path, sql: &str) -> String {
    let output = Command::new("mariadb")
        .args(["--no-defaults", "--user=root", "--batch", "--skip-column-names"])
        .arg(format!("--socket={}", root.join("mariadb.sock").display()))
        .arg(format!("--execute={sql}"))
        .output()
        .expect("mariadb runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Starts `MariaDB` at `mariadb.sock` on an empty directory.
pub(super) fn mariadb(root: &Path) -> Child {
    let (data, temporary) = (root.join("mariadb"), root.join("mariadb.tmp"));
    // One that starts removes what others have there, such as those of other tests.
    fs::create_dir_all(&temporary).expect("a directory");
    let install = Command::new("mariadb-install-db")
        .args(["--no-defaults", "--auth-root-authentication-method=socket", "--auth-root-socket-user=root"])
        .args(["--skip-test-db", "--user=root"])
        .arg(format!("--datadir={}", data.display()))
        .env("TMPDIR", &temporary)
        .output();
    let install = install.expect("mariadb-install-db runs");
    assert!(install.status.success(), "{install:?}");
    mariadb_again(root)
}

/// Starts `MariaDB` at `mariadb.sock` on a directory that is there.
pub(super) fn mariadb_again(root: &Path) -> Child {
    let server = Command::new("mariadbd")
        .args(["--no-defaults", "--user=root", "--skip-networking", "--skip-log-bin"])
        .args(["--innodb-buffer-pool-size=32M", "--innodb-flush-log-at-trx-commit=0"])
        .arg(format!("--datadir={}", root.join("mariadb").display()))
        .env("TMPDIR", root.join("mariadb.tmp"))
        .arg(format!("--socket={}", root.join("mariadb.sock").display()))
        .stderr(Stdio::null())
        .spawn();
    let server = server.expect("mariadbd runs");
    wait(&root.join("mariadb.sock"));
    server
}

fn wait(socket: &Path) {
    for _ in 0..3600 {
        if std::os::unix::net::UnixStream::connect(socket).is_ok() {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("nothing listens at {}", socket.display());
}
