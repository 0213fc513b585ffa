//! What the code of one wiki can do to another one.

use std::fs;

use mwfarm::deploy::web::daemon::Daemon;
use mwfarm::deploy::web::{self, Site};

use super::daemons::{World, id, page};

#[test]
fn pools_are_closed_to_each_other() {
    let world = World::serving("fpm");
    is_closed(&world);
    let [alpha, beta] = [&world.wikis[0], &world.wikis[1]];
    for name in [format!("{}.sock", beta.name), "unknown.sock".to_owned()] {
        let socket = world.root().join("run/mwfarm/fpm").join(name);
        let code =
            format!("echo var_export(@stream_socket_client('unix://{}', $n, $m), true), ' ', $m;", socket.display());
        assert_eq!(world.execute(alpha, &code), "false Permission denied");
    }
    let log = world.execute(alpha, "error_log('said'); echo ini_get('error_log');");
    assert!(fs::read_to_string(&log).is_ok_and(|text| text.contains("said")), "{log}");
    // The test sees a leak, and it is this setting which prevents it.
    assert_eq!(included_with(&world, Daemon::Fpm, &["[opcache.validate_permission] = "]), "secret of beta");
    assert_eq!(included_with(&world, Daemon::Fpm, &[]), "nothing");
}

#[test]
fn requests_of_apache_are_closed_to_each_other() {
    let world = World::serving("itk");
    is_closed(&world);
    assert_eq!(
        world.execute(&world.wikis[0], "echo var_export(posix_setuid(0), true), posix_geteuid();"),
        "false61701"
    );
    // Either setting prevents it: what is looked for by its path is looked for as the wiki's user.
    let settings = ["opcache.validate_permission ", "opcache.revalidate_path "];
    assert_eq!(included_with(&world, Daemon::Apache, &settings[1..]), "nothing");
    assert_eq!(included_with(&world, Daemon::Apache, &settings), "secret of beta");
    assert_eq!(included_with(&world, Daemon::Apache, &[]), "nothing");
}

fn is_closed(world: &World) {
    let [alpha, beta] = [&world.wikis[0], &world.wikis[1]];
    let layout = &world.options.layout;
    let release = layout.release(&beta.name, &id(1));
    for path in [release.join(".mwfarm/settings.php"), release.join("index.php"), layout.home(&beta.name).join("tmp")] {
        let read = format!(
            "echo json_encode([@file_get_contents('{0}'), @scandir('{0}'), file_exists('{0}')]);",
            path.display()
        );
        assert_eq!(world.execute(alpha, &read), "[false,false,false]", "{}", path.display());
    }
    assert_eq!(included(world, alpha, beta), "nothing");
    assert_eq!(included(world, beta, beta), "secret of beta", "its own code reads it");
    let status = world
        .execute(alpha, "echo json_encode([@opcache_get_status(), @opcache_reset(), @opcache_invalidate(__FILE__)]);");
    assert_eq!(status, "[false,false,false]");
    let settings = "ini_set('opcache.validate_permission', '0'); ini_set('opcache.restrict_api', ''); echo ini_get('opcache.validate_permission');";
    assert_eq!(world.execute(alpha, settings), "1");
    assert_eq!(included(world, alpha, beta), "nothing");
    apcu_is_off(world);
}

/// What one wiki keeps in `APCu` is nothing to another one, where that is installed at all: it is one memory for all.
fn apcu_is_off(world: &World) {
    let code = "echo json_encode([function_exists('apcu_store') && @apcu_store('key', 'of alpha'), function_exists('apcu_fetch') && @apcu_fetch('key')]);";
    assert_eq!(world.execute(&world.wikis[0], code), "[false,false]");
    assert_eq!(
        world.execute(&world.wikis[1], "echo json_encode(function_exists('apcu_fetch') && @apcu_fetch('key'));"),
        "false"
    );
}

/// What a wiki's code gets by including the settings of another one, which are in OPcache for sure: just asked for, by
/// requests enough that each process has them.
fn included(world: &World, who: &Site, whose: &Site) -> String {
    for _ in 0..3 {
        assert_eq!(world.get(whose.host.as_str(), "/").body, page(1));
    }
    let path = world.options.layout.release(&whose.name, &id(1)).join(".mwfarm/settings.php");
    world.execute(who, &format!("@include '{}'; echo $wgSecret ?? 'nothing';", path.display()))
}

/// What alpha gets of beta while settings, 1 as they are generated, are 0.
fn included_with(world: &World, daemon: Daemon, off: &[&str]) -> String {
    let [alpha, beta] = [&world.wikis[0], &world.wikis[1]];
    for wiki in [alpha, beta] {
        web::apply::ensure_site(&world.options, wiki).expect("the generated configuration");
        let path = web::site_path(&world.options, daemon, &wiki.name);
        let mut text = fs::read_to_string(&path).expect("the configuration");
        for setting in off {
            let (on, off) = (format!("{setting}1"), format!("{setting}0"));
            assert!(text.contains(&on), "{text}");
            text = text.replace(&on, &off);
        }
        fs::write(&path, text).expect("the configuration");
    }
    // Another wiki's change tells the daemon of it.
    web::apply::ensure_farm(&world.options).expect("the configuration as it is now");
    included(world, alpha, beta)
}
