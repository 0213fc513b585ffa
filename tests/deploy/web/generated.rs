//! Whatever wikis there are, nginx, PHP-FPM and Apache would start with what is generated for them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use mwfarm::deploy::name::Name;
use mwfarm::deploy::options::{self, Backend, Options};
use mwfarm::deploy::web::daemon::{self, Daemon};
use mwfarm::deploy::web::{DAEMONS, Site, apply};
use mwfarm::farm::Host;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::daemons::{apache_conf, fpm_conf, nginx_conf, ports};

/// A farm: the name of its root, its zone, whether wikis have users of their own, and the wikis: a name, a number for the
/// user, what serves it, and the first label of its host if that is not its name.
type Registry = (String, String, bool, Vec<(String, u32, bool, Option<String>)>);

/// As long as a zone can be, and as a wiki's name and a label of a host.
const LONGEST: [&str; 3] = [
    "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0.abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0.abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnop",
    "abcdefghijklmnopqrst-uvw",
    "abcdefghijklmnopqrstuvwxyz0123456789-abcdefghijklmnopqrstuvwxyz",
];

fn registries() -> impl Strategy<Value = Registry> {
    let label = "[a-z0-9]([a-z0-9]|-[a-z0-9]){0,20}";
    let zone = prop_oneof![
        proptest::collection::vec(label, 1..4).prop_map(|labels| labels.join(".")),
        Just(LONGEST[0].to_owned())
    ];
    let name = prop_oneof![
        "[a-z][a-z0-9]{0,13}(-[a-z0-9]{1,4}){0,2}".prop_filter("it is free", |name| Name::new(name).is_ok()),
        Just(LONGEST[1].to_owned())
    ];
    let host = proptest::option::of(prop_oneof![label.prop_map(|label| label), Just(LONGEST[2].to_owned())]);
    let wiki = (name, 61_000..64_999_u32, any::<bool>(), host);
    ("[A-Za-z0-9_+@.-]{1,12}", zone, any::<bool>(), proptest::collection::vec(wiki, 0..24))
}

#[test]
fn every_registry_is_accepted_by_all_daemons() {
    let cases = std::env::var("PROPTEST_CASES").ok().map_or(12, |cases| cases.parse().expect("a number"));
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let result = runner.run(&registries(), |registry| {
        accepted(&registry);
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}

/// What is as long as it can be, in each kind of place, and no wiki at all.
#[test]
fn the_longest_and_the_fewest_are_accepted_by_all_daemons() {
    let wiki = |name: &str, uid, itk, host: Option<&str>| (name.to_owned(), uid, itk, host.map(str::to_owned));
    let longest = vec![
        wiki(LONGEST[1], 61_000, false, Some(LONGEST[2])),
        wiki("a", 64_999, true, None),
        wiki(&LONGEST[1].replace("abc", "xyz"), 61_001, true, Some(&LONGEST[2].replace("abc", "xyz"))),
    ];
    for users in [true, false] {
        accepted(&("r".to_owned(), LONGEST[0].to_owned(), users, longest.clone()));
        accepted(&("@._+-r".to_owned(), "z".to_owned(), users, Vec::new()));
    }
}

#[track_caller]
fn accepted((root, zone, users, wikis): &Registry) {
    let scratch = tempfile::Builder::new().prefix("mwg").tempdir().expect("a directory");
    let base = scratch.path().join(format!("r{root}"));
    fs::create_dir_all(base.join("pid")).expect("a directory");
    let options = farm(&base, zone, *users);
    let (mut names, mut hosts) = (BTreeSet::new(), BTreeSet::new());
    let mut sites = Vec::new();
    for (name, uid, itk, host) in wikis {
        let name = Name::new(name).expect("a name");
        let Ok(host) = Host::new(&format!("{}.{zone}", host.as_deref().unwrap_or(name.as_str()))) else { continue };
        if names.insert(name.clone()) && hosts.insert(host.clone()) {
            let backend = if *itk { Backend::Itk } else { Backend::Fpm };
            sites.push(Site { name, host, uid: users.then_some(*uid), backend });
        }
    }
    let routes: Vec<(Host, Backend)> = sites.iter().map(|site| (site.host.clone(), site.backend)).collect();
    let count = sites.len();
    // They are asked before they are told, and there is nobody to be told.
    let problem = apply::ensure_sites(&options, || Ok(sites)).expect_err("nothing runs");
    assert!(problem.what.ends_with("does not run"), "{problem:?}");
    let problem = apply::ensure_routes(&options, || Ok(routes.clone())).expect_err("nothing runs");
    assert!(problem.what.ends_with("does not run"), "{problem:?}");
    for daemon in DAEMONS {
        daemon::check(&options, daemon).unwrap_or_else(|problem| panic!("{problem:?}"));
    }
    let written = |daemon: Daemon| {
        let directory = mwfarm::deploy::web::site_directory(&options, daemon);
        fs::read_dir(directory).expect("a directory").count()
    };
    assert_eq!(written(Daemon::Fpm) + written(Daemon::Apache), count);
    assert_eq!(written(Daemon::Fpm), written(Daemon::Nginx));
    let mut known = apply::routed(&options).expect("routes");
    let mut routes = routes;
    known.sort();
    routes.sort();
    assert_eq!(known, routes);
}

fn farm(base: &Path, zone: &str, users: bool) -> Options {
    let at = |name: &str| base.join(name).display().to_string();
    let [proxy, backend, apache] = ports();
    let yaml = format!(
        "deploy:\n  root: .\n  zone: '{zone}'\n  core: core.git\n  users: {}\n  services:\n    \
         nginx-check: [nginx, -t, -q, -c, '{}', -p, '{base}']\n    nginx-pid: '{base}/pid/nginx.pid'\n    \
         fpm-check: ['{}', -t, -y, '{}']\n    fpm-pid: '{base}/pid/fpm.pid'\n    \
         apache-check: [apache2, -t, -f, '{}']\n    apache-pid: '{base}/pid/apache.pid'\n    \
         proxy: 127.0.0.1:{proxy}\n    backend: 127.0.0.1:{backend}\n    apache-backend: 127.0.0.1:{apache}\n",
        if users { "{from: 61000, to: 64999}" } else { "none" },
        at("nginx.conf"),
        crate::fpm::binary().display(),
        at("php-fpm.conf"),
        at("apache2.conf"),
        base = base.display(),
    );
    fs::write(base.join("mwfarm.yml"), yaml).expect("options");
    fs::write(base.join("nginx.conf"), nginx_conf(base)).expect("nginx.conf");
    fs::write(base.join("php-fpm.conf"), fpm_conf(base)).expect("php-fpm.conf");
    fs::write(base.join("apache2.conf"), apache_conf(base)).expect("apache2.conf");
    options::read(base).expect("options")
}
