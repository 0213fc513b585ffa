//! The pools themselves.

use std::fs;
use std::process::Command;

use std::thread;

use super::{Pool, Settings};

#[test]
fn a_pool_serves_what_it_is_asked_for_and_ends_with_its_owner() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let script = directory.path().join("a.php");
    let text = "<?php http_response_code(418); header('X-Own: 1'); trigger_error('said');\n\
                echo json_encode([getmypid(), $_SERVER['HTTP_HOST'], extension_loaded('Zend OPcache'), \
                ini_get('opcache.validate_timestamps'), posix_getppid()]);";
    fs::write(&script, text).expect("a script");
    let mut pool = Pool::start(&Settings::new(2).ini("opcache.validate_timestamps", "0"));
    let ask = |pool: &Pool| {
        let response = pool.get(&script, &[("HTTP_HOST", "one.example.org")]);
        assert_eq!(response.status, 418);
        assert!(response.headers.contains(&("X-Own".to_owned(), "1".to_owned())), "{response:?}");
        assert!(String::from_utf8_lossy(&response.stderr).contains("PHP Notice:  said in"), "{response:?}");
        let (worker, host, opcache, validate, master): (u32, String, bool, String, u32) =
            serde_json::from_slice(&response.body).expect("the script's answer");
        assert_eq!((host.as_str(), opcache, validate.as_str()), ("one.example.org", true, "0"));
        (worker, master)
    };
    let (before, master) = ask(&pool);
    pool.reload();
    let (after, same) = ask(&pool);
    assert!(before != after && master == same, "{before} {after} {master} {same}");
    assert!(pool.get(&directory.path().join("none.php"), &[]).status == 404);
    drop(pool);
    for process in [after, master] {
        let there = Command::new("kill").args(["-0", &process.to_string()]).output().expect("kill runs");
        assert!(!there.status.success(), "process {process} is left");
    }
}

#[test]
fn a_reload_lets_requests_end() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (script, begun) = (directory.path().join("slow.php"), directory.path().join("begun"));
    let text = format!("<?php touch({begun:?}); sleep(1); echo 'done';\n");
    fs::write(&script, text).expect("a script");
    let mut pool = Pool::start(&Settings::new(1));
    let address = pool.address().clone();
    let slow = thread::spawn(move || Pool::ask(&address, &script, &[]));
    pool.wait_until("the request has begun", |_| begun.exists());
    pool.reload();
    let response = slow.join().expect("a client").expect("an answer");
    assert_eq!((response.status, response.body.as_slice()), (200, b"done".as_slice()));
}
