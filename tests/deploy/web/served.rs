//! What both web servers serve, and what they do not. One world each, since the rules are meant to be the same.

use std::fs;
use std::os::unix::fs::{chown, symlink};

use mwfarm::deploy::health::{self, Observed, Through, Unwell};
use mwfarm::deploy::web::{self, Site};

use super::daemons::{World, id, page};

#[test]
fn nginx_and_fpm_serve_what_is_meant_and_nothing_else() {
    serves(&World::serving("fpm"));
}

#[test]
fn apache_and_itk_serve_what_is_meant_and_nothing_else() {
    serves(&World::serving("itk"));
}

#[test]
fn without_users_both_serve_as_the_web_server() {
    for web in ["fpm", "itk"] {
        let world = World::without_users(web);
        for wiki in &world.wikis {
            assert_eq!(world.get(wiki.host.as_str(), "/wiki/A").body, page(1), "{web}");
            assert_eq!(world.execute(wiki, "echo posix_getpwuid(posix_geteuid())['name'];"), "www-data", "{web}");
        }
    }
}

fn serves(world: &World) {
    pages_come_from_the_wikis_own_user(world);
    hosts_are_exact(world);
    only_entry_points_run(world);
    files_are_served_by_kind(world);
    links_lead_nowhere(world);
    uploads_are_files(world);
    the_next_release_is_seen_behind_the_proxy_only(world);
    a_wiki_without_a_release_says_so(world);
}

fn pages_come_from_the_wikis_own_user(world: &World) {
    for wiki in &world.wikis {
        let host = wiki.host.as_str();
        for path in
            ["/", "/index.php", "/index.php/Title", "/wiki", "/wiki/Title", "/wiki/.htaccess", "/index.php/a/.b.php"]
        {
            let reply = world.get(host, path);
            assert_eq!((reply.status, reply.body), (200, page(1)), "{path}\n{}", world.logs());
        }
        let shown = world.get(host, "/index.php/Title?show=1").body;
        let shown: serde_json::Value = serde_json::from_str(&shown[page(1).len()..]).expect("what PHP knows");
        let uid = wiki.uid.expect("a user");
        assert_eq!((&shown["uid"], &shown["groups"]), (&uid.into(), &vec![uid].into()), "{shown}");
        // What clients say of themselves is not believed, and a header is no setting.
        assert_eq!((&shown["REMOTE_ADDR"], &shown["HTTP_HOST"]), (&"127.0.0.1".into(), &host.into()), "{shown}");
        assert!(!shown.to_string().contains("6.6.6.6"), "{shown}");
        assert_eq!(shown["HTTP_PROXY"].as_str().unwrap_or_default(), "", "{shown}");
        assert_ne!(shown["HTTPS"], "on", "{shown}");
        assert_eq!((&shown["PATH_INFO"], &shown["SCRIPT_NAME"]), (&"/Title".into(), &"/index.php".into()), "{shown}");
        assert_eq!(health::check(&world.options, wiki.backend, &wiki.host, &id(1)), Ok(()));
        let seen = Observed { status: 200, release: Some(id(1)) };
        assert_eq!(health::observe(&world.options, &wiki.host, Through::Proxy), Ok(seen));
    }
}

fn hosts_are_exact(world: &World) {
    for host in ["ALPHA.Wiki.Test", "alpha.wiki.test.", "alpha.wiki.test:80", "Alpha.wiki.test.:8080"] {
        let reply = world.get(host, "/");
        assert_eq!((reply.status, reply.body), (200, page(1)), "{host}");
    }
    let unknown = [
        "delta.wiki.test",
        "wiki.test",
        "localhost",
        "xalpha.wiki.test",
        "alpha.wiki.test.evil.test",
        "next--alpha.wiki.test",
        "127.0.0.1",
    ];
    for host in unknown {
        assert_eq!(world.get(host, "/").status, 404, "{host}");
    }
    for host in ["", "alpha.wiki.test/../beta.wiki.test", "alpha..wiki.test", "alpha wiki", "\"", "../alpha"] {
        let status = world.get(host, "/").status;
        assert!(matches!(status, 400 | 404), "{host}: {status}");
    }
    for host in ["delta.wiki.test", "", "127.0.0.1"] {
        assert!(matches!(world.get_behind(host, "/index.php").status, 400 | 404), "{host}");
    }
}

fn only_entry_points_run(world: &World) {
    let host = world.wikis[0].host.as_str();
    let denied = [
        "/LocalSettings.php",
        "/includes/part.php",
        "/vendor/autoload.php",
        "/maintenance/run.php",
        "/maintenance/run.php/index.php",
        "/extensions/Own/entry.php",
        "/extensions/Own/entry.php/a.js",
        "/extensions/Own/extension.js/../entry.php",
        "/.mwfarm/settings.php",
        "/.mwfarm/",
        "/index.php.bak",
        "/Index.php",
        "/index.PHP",
        "/xindex.php",
        "/index.phpx",
        "/mw-config/index.php",
        "/REVISION",
        "/composer.json",
        "/includes/",
        "/extensions/",
        "/extensions/Own/page.html",
        "/extensions/Own/.git/config.js",
        "/extensions/Own/%2egit/config.js",
        "/resources/../REVISION",
        "/resources/..%2fREVISION",
        "//REVISION",
        "/resources/%2e%2e/includes/part.php",
        "/wikix/Title",
    ];
    for path in denied {
        let reply = world.get(host, path);
        assert!(matches!(reply.status, 400 | 403 | 404), "{path}: {reply:?}");
        for text in ["settings", "vendor", "maintenance", "extension", "revision", "hidden", "<?php"] {
            assert!(!reply.body.contains(text), "{path}: {reply:?}");
        }
    }
}

fn files_are_served_by_kind(world: &World) {
    let host = world.wikis[0].host.as_str();
    let script = world.get(host, "/resources/src/a.js");
    assert_eq!((script.status, script.body.as_str()), (200, "script 1"), "{script:?}");
    assert!(script.head.contains("javascript"), "{script:?}");
    assert_eq!(world.get(host, "/extensions/Own/extension.json").status, 200);
}

fn links_lead_nowhere(world: &World) {
    let [alpha, beta] = [&world.wikis[0], &world.wikis[1]];
    let layout = &world.options.layout;
    let resources = layout.release(&alpha.name, &id(1)).join("resources");
    let other = layout.release(&beta.name, &id(1)).join("resources/src");
    symlink("/etc/passwd", resources.join("out.js")).expect("a link");
    symlink(other.join("a.js"), resources.join("other.js")).expect("a link");
    symlink(&other, resources.join("directory")).expect("a link");
    for path in ["/resources/out.js", "/resources/other.js", "/resources/directory/a.js"] {
        let reply = world.get(alpha.host.as_str(), path);
        // nginx answers as if a directory that is a link were none.
        assert!(matches!(reply.status, 403 | 404), "{path}: {reply:?}");
    }
}

fn uploads_are_files(world: &World) {
    let [alpha, beta] = [&world.wikis[0], &world.wikis[1]];
    let host = alpha.host.as_str();
    let images = |wiki: &Site| world.options.layout.home(&wiki.name).join("images");
    for (path, text) in [
        ("a/ab/A b.png", "upload"),
        ("evil.php", "<?php echo 'run';"),
        ("evil.phtml", "<?php echo 'run';"),
        ("deleted/d.png", "gone"),
    ] {
        let path = images(alpha).join(path);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(&path, text).expect("an upload");
    }
    fs::write(images(beta).join("b.png"), "of beta").expect("an upload");
    let reply = world.get(host, "/images/a/ab/A%20b.png");
    assert_eq!((reply.status, reply.body.as_str()), (200, "upload"), "{reply:?}\n{}", world.logs());
    assert!(reply.head.contains("nosniff"), "{reply:?}");
    for path in [
        "/images/evil.php",
        "/images/evil.phtml",
        "/images/evil.php/a.png",
        "/images/deleted/d.png",
        "/images/",
        "/images",
        "/images/a/",
    ] {
        let reply = world.get(host, path);
        assert!(matches!(reply.status, 403 | 404) && !reply.body.contains("run"), "{path}: {reply:?}");
    }
    // The wiki's user makes links to what the web server may read.
    let link = images(alpha).join("link.png");
    symlink(images(beta).join("b.png"), &link).expect("a link");
    assert_eq!(world.get(host, "/images/link.png").status, 403);
    let kept = images(alpha).with_file_name("kept");
    fs::rename(images(alpha), &kept).expect("what its owner may do");
    symlink(images(beta), images(alpha)).expect("a link");
    std::os::unix::fs::lchown(images(alpha), alpha.uid, alpha.uid).expect("its owner");
    let reply = world.get(host, "/images/b.png");
    assert!(matches!(reply.status, 403 | 404), "{reply:?}");
    fs::remove_file(images(alpha)).expect("the link");
    fs::rename(&kept, images(alpha)).expect("what it was");
    chown(images(alpha), alpha.uid, alpha.uid).expect("its owner");
}

fn the_next_release_is_seen_behind_the_proxy_only(world: &World) {
    let wiki = &world.wikis[0];
    let next = web::next_host(&world.options, &wiki.name).expect("a host");
    let absent = health::check(&world.options, wiki.backend, &next, &id(2)).expect_err("nothing is tried");
    assert!(matches!(absent, Unwell::Status { .. }), "{absent}");
    world.release(wiki, 2);
    world.try_next(wiki, 2);
    assert_eq!(health::check(&world.options, wiki.backend, &next, &id(2)), Ok(()));
    assert_eq!(world.get_behind(next.as_str(), "/wiki/A").body, page(2));
    assert_eq!(world.get(next.as_str(), "/").status, 404);
    // The one that is served is another one.
    assert_eq!(world.get(wiki.host.as_str(), "/").body, page(1));
    let wrong = health::check(&world.options, wiki.backend, &wiki.host, &id(2)).expect_err("another release answers");
    assert_eq!(wrong.to_string(), "`alpha.wiki.test` answers with the release `1-0123456789ab`, not `2-0123456789ab`");
}

fn a_wiki_without_a_release_says_so(world: &World) {
    let wiki = &world.wikis[2];
    fs::remove_file(world.options.layout.current(&wiki.name)).expect("the link");
    let reply = world.get(wiki.host.as_str(), "/index.php");
    assert!(matches!(reply.status, 403 | 404 | 503), "{reply:?}");
    world.switch(wiki, 1);
    assert_eq!(world.get(wiki.host.as_str(), "/index.php").body, page(1));
}
