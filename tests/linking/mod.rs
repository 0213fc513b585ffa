//! Bundles are linked from `set.json` files: read back from disk, those give the bundles that were written.

use std::fs;
use std::path::Path;
use std::process::Command;

use mwfarm::build::php::{bundle, runtime, set};
use mwfarm::build::published::Manifest;
use mwfarm::build::set::Set;
use mwfarm::build::sets::Sets;
use mwfarm::farm::ExtensionId;

#[test]
fn the_demo_is_linked_from_its_set_json_alone() {
    let vendor = tempfile::tempdir().expect("a directory");
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/demo");
    let mut command = Command::new(env!("CARGO_BIN_EXE_mwfarm"));
    command.arg("build").arg("-d").arg(demo).arg("--output").arg(vendor.path().join("vendor"));
    let output = command.env("XDG_CACHE_HOME", vendor.path()).output().expect("mwfarm runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(relink(&vendor.path().join("vendor")), Vec::<String>::new());
}

/// Links every published bundle again from the `set.json` files alone and names what differs from what is there.
pub(crate) fn relink(vendor: &Path) -> Vec<String> {
    let read = |name: &str| fs::read(vendor.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let manifest: Manifest = serde_json::from_slice(&read("mwfarm.json")).expect("a manifest");
    let texts: Vec<Vec<u8>> = manifest.sets.iter().map(|set| read(&format!("composer{}/set.json", set.key))).collect();
    let mut different = Vec::new();
    for (text, listed) in texts.iter().zip(&manifest.sets) {
        let set: Set = serde_json::from_slice(text).expect("a set");
        // Nothing is lost, and the KEY is the digest of the canonical form.
        if set.to_json() != *text || Set::key(text) != listed.key {
            different.push(format!("composer{}/set.json", listed.key));
        }
    }
    let sets = Sets::read(texts.iter().map(Vec::as_slice)).expect("the sets of a build");
    let objects = sets.objects();
    for listed in &manifest.bundles {
        let selection = sets.selection(&objects, &listed.extensions).expect("the sets of its extensions");
        let linked = objects.link(&selection);
        let on = manifest.order.iter().filter(|id| listed.extensions.contains(id));
        let in_load_order: Vec<(&ExtensionId, &[String])> = on
            .map(|id| (id, objects.manifests[objects.extensions.binary_search(id).expect("an extension")].as_slice()))
            .collect();
        let text = bundle::text(&bundle::Bundle {
            hash: &listed.hash,
            runtime: &runtime::key(),
            extensions: &in_load_order,
            map: &linked.map,
            platform: &linked.platform,
            loader: &objects.base.loader,
            installed_versions: objects.base.installed_versions,
            mode: &bundle::Mode::default(),
        });
        let installed = set::installed(&objects.installed(&selection));
        for (suffix, text) in [("", text), ("_installed", installed)] {
            let name = format!("bundle_{}{suffix}.php", listed.hash);
            if read(&name) != text.as_bytes() {
                different.push(name);
            }
        }
    }
    different
}
