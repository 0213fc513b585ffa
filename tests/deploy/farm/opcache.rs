//! OPcache after many deploys: each release has paths of its own, and all of them have one memory.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use mwfarm::deploy::layout::Layout;
use mwfarm::deploy::web::opcache::{self, Memory};

use super::watching::small_core;
use super::{Farm, Plan, wait};
use crate::meanwhile::End;

/// A farm whose OPcache has place for a few releases.
fn farm() -> Farm {
    let mut farm = Farm::with_core(&Plan::of("fpm"), &small_core());
    fs::create_dir(farm.at("fpm.ini")).expect("a directory");
    let settings =
        "opcache.memory_consumption=8\nopcache.interned_strings_buffer=1\nopcache.max_accelerated_files=4000\n";
    fs::write(farm.at("fpm.ini/opcache.ini"), settings).expect("settings");
    farm.stop("fpm");
    farm.daemon("fpm");
    farm
}

/// A page with much code, which fills half a megabyte of OPcache.
fn large(version: u32) -> String {
    let method = |number: u32| {
        format!(
            "function m{number}($a) {{ $b = [$a, {number}, 'text {number}']; \
             foreach ($b as $c => $d) {{ $a .= $d . $c; }} return $a; }}"
        )
    };
    let methods: Vec<String> = (0..500).map(method).collect();
    format!("<?php\nclass Large {{\n{}\n}}\necho \"large {version}\\n\";\n", methods.join("\n"))
}

fn memory(farm: &Farm) -> Memory {
    let layout = Layout::new(farm.base.clone());
    opcache::forget(&layout, &["/nowhere".into()], None).expect("an answer").expect("PHP-FPM")
}

#[test]
fn memory_does_not_fill_with_releases_of_before() {
    let farm = farm();
    farm.create("a");
    farm.push_file("a", "includes/Page.php", &large(0));
    farm.deploy("a").well();
    let (ended, restarts) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let _end = End(&ended);
        // Who asks meanwhile sees nothing of it.
        for _ in 0..2 {
            scope.spawn(|| {
                while !ended.load(Ordering::Relaxed) {
                    let page = farm.page("a");
                    assert!(page.starts_with("large ") && page.lines().count() == 1, "{page}");
                }
            });
        }
        for version in 1..24 {
            farm.push_file("a", "includes/Page.php", &large(version));
            farm.deploy("a").well();
            assert!(farm.page("a").starts_with(&format!("large {version}\n")));
            let now = memory(&farm);
            assert!(now.on && !now.is_too_small(), "{version}: {now:?}");
            restarts.fetch_max(now.restarts, Ordering::Relaxed);
        }
    });
    // Much more went through it than it holds. It begins anew with a request beside which there is no other one.
    wait("OPcache has begun anew", || {
        farm.page("a");
        restarts.fetch_max(memory(&farm).restarts, Ordering::Relaxed);
        restarts.load(Ordering::Relaxed) > 0
    });
}

#[test]
fn a_memory_that_is_too_small_for_what_is_served_is_told() {
    let farm = farm();
    for wiki in ["a", "b"] {
        farm.create(wiki);
    }
    let said = farm.mwfarm(["deploy", &farm.name("b"), "--again"]);
    assert!(said.code == 0 && !said.err.contains("OPcache"), "{said:?}");
    let files = (0..40).map(|n| (format!("includes/Large{n}.php"), large(n).replace("Large", &format!("Large{n}"))));
    let mut files: std::collections::BTreeMap<String, String> = files.collect();
    let includes: Vec<String> = (0..40).map(|n| format!("require __DIR__ . '/Large{n}.php';\n")).collect();
    let includes = includes.concat();
    files.insert("includes/Page.php".to_owned(), format!("<?php\n{includes}"));
    farm.push("a", &files);
    farm.deploy("a").well();
    farm.page("a");
    // What `b` has served before is less than what would help.
    let said = farm.mwfarm(["deploy", &farm.name("b"), "--again"]);
    assert!(said.code == 0 && said.err.contains("raise `opcache.memory_consumption`"), "{said:?}");
}

/// Nobody else can ask what is cached, or have it forgotten.
#[test]
fn a_wiki_cannot_reach_the_pool_that_forgets() {
    let farm = farm();
    farm.create("a");
    let socket = farm.at("run/mwfarm/fpm/unknown.sock");
    let code = format!(
        "<?php\nvar_dump(@stream_socket_client('unix://{}', $number, $why, 5));\necho $why, \"\\n\";\n\
         echo json_encode([@opcache_get_status(), @opcache_invalidate(__FILE__, true), @opcache_reset()]), \"\\n\";\n",
        socket.display()
    );
    farm.push_file("a", "includes/Page.php", &code);
    farm.deploy("a").well();
    assert_eq!(farm.page("a"), "bool(false)\nPermission denied\n[false,false,false]\n");
}
