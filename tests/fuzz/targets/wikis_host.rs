//! Any text as `wikis.yml`, as `farms.yml` and as a host.
//!
//! The first byte says which it is.

#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mwfarm::config::configuration::Configuration;
use mwfarm::config::wikis;
use mwfarm::farm::{ExtensionId, Host, WikiId};

static PLACE: LazyLock<PathBuf> = LazyLock::new(|| {
    let place = tempfile::tempdir().expect("a directory").keep();
    for directory in ["etc", "tree/includes"] {
        fs::create_dir_all(place.join(directory)).expect("a directory");
    }
    fs::write(place.join("etc/mwfarm.yml"), "tree: ../tree\noutput: ../out\n").expect("a file");
    fs::write(place.join("etc/wikis.dblist"), "alpha\nbeta\n").expect("a file");
    fs::write(place.join("etc/settings.yml"), "wgSitename: {default: x}\n").expect("a file");
    fs::write(place.join("tree/includes/Defines.php"), "<?php\n").expect("a file");
    fs::write(place.join("tree/index.php"), "<?php\n").expect("a file");
    place
});

fuzz_target!(|data: &[u8]| {
    let Some((which, text)) = data.split_first() else { return };
    match which % 3 {
        0 => {
            let file = PLACE.join("wikis.yml");
            fs::write(&file, text).expect("a file");
            match wikis::read(&file) {
                Ok(farm) => {
                    let hosts: Vec<&Host> = farm.wikis.iter().flat_map(|wiki| &wiki.hosts).collect();
                    let different: std::collections::BTreeSet<&str> = hosts.iter().map(|host| host.as_str()).collect();
                    assert_eq!(hosts.len(), different.len(), "a host of two wikis");
                }
                Err(error) => assert!(error.to_string().contains("wikis.yml")),
            }
        }
        1 => {
            // PHP would be started for it, which takes long and is not what is tried.
            if !text.windows(4).any(|part| part == b".php") {
                fs::write(PLACE.join("etc/farms.yml"), text).expect("a file");
                let _ = Configuration::read(&PLACE.join("etc"), &PLACE.join("tree"));
            }
        }
        _ => {
            let Ok(text) = std::str::from_utf8(text) else { return };
            if let Ok(host) = Host::new(text) {
                assert!(
                    host.as_str().bytes().all(|b| b.is_ascii_graphic() && !b"'\"\\$<>{}`;&|*?#%".contains(&b)),
                    "{host:?}"
                );
                assert_eq!(Host::new(host.as_str()).as_ref(), Ok(&host));
            }
            if let Ok(id) = WikiId::new(text) {
                assert!(
                    id.as_str().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b))
                );
            }
            if let Ok(id) = ExtensionId::new(text) {
                assert!(
                    !id.as_str().starts_with('/')
                        && !id.as_str().split('/').any(|part| matches!(part, "" | "." | ".."))
                );
            }
        }
    }
});
