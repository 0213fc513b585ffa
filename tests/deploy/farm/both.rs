//! One farm whose wikis are served by nginx with PHP-FPM, and by Apache with mpm-itk, each as it was asked for.

use std::fs;

use super::sound::sound;
use super::{Farm, Plan, Reply, ask, core};
use crate::meanwhile::End;

/// What answers at a backend for a wiki's host.
fn behind(farm: &Farm, backend: usize, name: &str) -> Reply {
    ask(&farm.backends[backend], &farm.host(name), "/index.php", "").expect("an answer from behind the proxy")
}

/// nginx with PHP-FPM, and Apache, in [`Farm::backends`].
const FPM: usize = 0;
const ITK: usize = 1;

#[track_caller]
fn serves(farm: &Farm, name: &str, backend: usize) {
    let page = farm.page(name);
    assert!(page.starts_with("index "), "{page}");
    assert_eq!(behind(farm, backend, name).body, page);
    assert_eq!(behind(farm, 1 - backend, name).status, 404, "the other one does not know it");
    let map = fs::read_to_string(farm.at("etc/mwfarm/proxy.map")).expect("routes");
    assert!(map.contains(&format!("\n{} {};\n", farm.host(name), farm.backends[backend])), "{map}");
}

fn option(farm: &Farm, from: &str, to: &str) {
    let path = farm.at("mwfarm.yml");
    let text = fs::read_to_string(&path).expect("options");
    assert!(text.contains(from), "{text}");
    fs::write(&path, text.replace(from, to)).expect("options");
}

#[test]
fn each_wiki_is_served_by_what_it_was_made_with() {
    let mut farm = Farm::start(&Plan::of("both"));
    farm.create("a");
    for name in ["b", "c"] {
        farm.mwfarm(["wiki", "create", &farm.name(name), "--web", "itk"]).well();
    }
    serves(&farm, "a", FPM);
    serves(&farm, "b", ITK);
    serves(&farm, "c", ITK);
    sound(&farm);
    // As it is told.
    let [a, b] = ["a", "b"].map(|name| farm.show(name));
    assert!(a["wiki"].get("web").is_none() && a["served_by"] == "fpm", "{a}");
    assert!(b["wiki"]["web"] == "itk" && b["served_by"] == "itk", "{b}");
    let list = farm.mwfarm(["wiki", "list"]).well();
    let words = |name: &str| {
        let line = list.lines().find(|line| line.starts_with(&farm.name(name))).expect("a line");
        line.split_whitespace().nth(3).expect("a word").to_owned()
    };
    assert_eq!([words("a"), words("b"), words("c")], ["fpm", "itk", "itk"]);
    let show = farm.mwfarm(["wiki", "show", &farm.name("b")]).well();
    assert!(show.lines().any(|line| line.split_whitespace().collect::<Vec<_>>() == ["web", "itk"]), "{show}");
    // Again, and otherwise.
    farm.mwfarm(["wiki", "create", &farm.name("b"), "--web", "itk"]).well();
    farm.mwfarm(["wiki", "create", &farm.name("b")]).well();
    farm.mwfarm(["wiki", "create", &farm.name("b"), "--web", "fpm"]).badly(4, "is served by `itk`");
    farm.mwfarm(["wiki", "create", &farm.name("d"), "--web", "lighttpd"]).badly(4, "invalid value 'lighttpd'");
    assert_eq!(farm.mwfarm(["watch", "reconcile"]).well(), "nothing differs\n");

    // Both are deployed to, go off the web, and come back.
    for (name, backend) in [("a", FPM), ("b", ITK)] {
        farm.push(name, &core::files("2"));
        farm.deploy(name).well();
        assert!(farm.page(name).starts_with("index 2 page 2 "), "{}", farm.page(name));
        farm.mwfarm(["wiki", "archive", &farm.name(name)]).well();
        assert_eq!((farm.get(name, "/").status, behind(&farm, backend, name).status), (404, 404));
        farm.mwfarm(["wiki", "restore", &farm.name(name)]).well();
        serves(&farm, name, backend);
    }

    // What somebody else changed is made right.
    let etc = farm.at("etc/mwfarm");
    let site = |directory: &str, name: &str| etc.join(directory).join(format!("{}.conf", farm.name(name)));
    fs::remove_file(site("apache.d", "b")).expect("a file");
    fs::remove_file(site("fpm.d", "a")).expect("a file");
    fs::copy(site("apache.d", "c"), site("apache.d", "a")).expect("a file");
    let told = farm.mwfarm(["watch", "reconcile"]).well();
    assert!(told.contains("the web servers' wikis were not those of the registry"), "{told}");
    for (name, backend) in [("a", FPM), ("b", ITK), ("c", ITK)] {
        serves(&farm, name, backend);
    }
    assert_eq!(farm.mwfarm(["watch", "reconcile"]).well(), "nothing differs\n");
    sound(&farm);

    // The last one of a kind goes; then its daemon is needed no more, and asked no more.
    for name in ["b", "c"] {
        let host = farm.host(name);
        farm.mwfarm(["wiki", "delete", &farm.name(name), "--yes-i-mean", &farm.name(name)]).well();
        assert_eq!(ask(&farm.backends[ITK], &host, "/index.php", "").expect("an answer").status, 404);
        assert_eq!(farm.left_of(name), Vec::<String>::new());
    }
    farm.stop("apache");
    farm.create("d");
    farm.push("d", &core::files("3"));
    farm.deploy("d").well();
    let told = farm.mwfarm(["watch", "reconcile"]).well();
    assert!(told.lines().all(|line| line.contains("has no wiki")), "only the branches are left: {told}");
    // Until somebody wants it again.
    let wiki = farm.name("e");
    farm.mwfarm(["wiki", "create", &wiki, "--web", "itk"]).badly(1, "Apache does not run");
    assert_eq!(farm.get("e", "/").status, 404);
    farm.daemon("apache");
    farm.mwfarm(["wiki", "create", &wiki, "--web", "itk"]).well();
    serves(&farm, "e", ITK);
    sound(&farm);
}

/// Where wikis have no word of their own, that of the farm holds, also when it changes: nobody sees it.
#[test]
fn wikis_move_with_the_farm_and_nobody_is_sent_to_what_is_gone() {
    let farm = Farm::start(&Plan::of("both"));
    farm.create("a");
    farm.mwfarm(["wiki", "create", &farm.name("b"), "--web", "fpm"]).well();
    for (from, to, backend) in [("fpm", "itk", ITK), ("itk", "fpm", FPM)] {
        option(&farm, &format!("web: {from}"), &format!("web: {to}"));
        let ended = std::sync::atomic::AtomicBool::new(false);
        let replies = std::thread::scope(|scope| {
            let client = scope.spawn(|| {
                let mut replies = Vec::new();
                while !ended.load(std::sync::atomic::Ordering::Relaxed) {
                    replies.push(farm.get("a", "/index.php"));
                }
                replies
            });
            let end = End(&ended);
            let told = farm.mwfarm(["watch", "reconcile"]);
            drop(end);
            assert!(told.well().contains("the web servers' wikis were not those of the registry"));
            client.join().expect("replies")
        });
        let wrong: Vec<_> = replies.iter().filter(|reply| reply.status != 200).collect();
        assert!(wrong.is_empty() && !replies.is_empty(), "{} of {}: {:?}", wrong.len(), replies.len(), wrong.first());
        serves(&farm, "a", backend);
        serves(&farm, "b", FPM);
        assert_eq!(farm.mwfarm(["watch", "reconcile"]).well(), "nothing differs\n");
    }
    sound(&farm);
}

#[test]
fn nothing_is_chosen_where_nothing_is_configured() {
    let farm = Farm::start(&Plan::plain());
    let said = farm.mwfarm(["wiki", "create", &farm.name("a"), "--web", "itk"]).badly(4, "configures no web server");
    assert!(said.contains("field `deploy.web`: none"), "{said}");
    assert_eq!(farm.left_of("a"), Vec::<String>::new());
}

/// As with Debian's Apache before anything was turned on.
#[test]
fn a_module_that_apache_lacks_is_told_before_anything_is_made() {
    let farm = Farm::start(&Plan::of("both"));
    let name = farm.name("a");
    let good = fs::read_to_string(farm.at("apache2.conf")).expect("configuration");
    for module in ["remoteip", "headers", "env", "mpm_itk", "php"] {
        let module_line = format!("LoadModule {module}_module ");
        let lines: String = good.split_inclusive('\n').filter(|line| !line.starts_with(&module_line)).collect();
        assert_ne!(lines, good);
        fs::write(farm.at("apache2.conf"), lines).expect("configuration");
        for flags in [&["--dry-run"][..], &[]] {
            let command = ["wiki", "create", &name, "--web", "itk"].into_iter().chain(flags.iter().copied());
            let said = farm.mwfarm(command).badly(1, "Apache refuses its configuration");
            let needs = if module == "php" { "PHP as a module".to_owned() } else { format!("the module {module}: ") };
            assert!(said.contains(&needs), "{said}");
            assert!(module == "php" || said.contains("`a2enmod mpm_itk remoteip headers "), "{said}");
            assert!(said.ends_with('\n') && farm.left_of("a").is_empty(), "{said}");
        }
        assert_eq!(farm.mwfarm(["wiki", "list", "--format", "json"]).well().matches(&name).count(), 0);
    }
    // Others are not held up by it.
    farm.create("b");
    fs::write(farm.at("apache2.conf"), good).expect("configuration");
    farm.mwfarm(["wiki", "create", &name, "--web", "itk"]).well();
    serves(&farm, "a", ITK);
}
