//! What is in vendor/ before a build: links, pipes, manifests of others, remains.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::cases::{Case, Verdict, case, faults};
use super::yard::Yard;

const MANIFEST: &str = "tree/vendor/mwfarm.json";

/// A build after the manifest of the one before was changed; something new is to be built.
fn manifest(name: &'static str, change: impl Fn(&mut Value) + 'static, verdict: Verdict) -> Case {
    case(
        name,
        move |yard| {
            edit(yard, &change);
            renew(yard);
        },
        verdict,
    )
}

fn edit(yard: &Yard, change: impl Fn(&mut Value)) {
    let mut json: Value = serde_json::from_slice(&fs::read(yard.path(MANIFEST)).expect("a manifest")).expect("JSON");
    change(&mut json);
    yard.write(MANIFEST, serde_json::to_vec(&json).expect("JSON"));
}

/// Gives a build something to do.
fn renew(yard: &Yard) {
    yard.extension("{\"autoload\": {\"psr-4\": {\"Bad\\\\\": \"src/\"}}}");
    yard.turn_on();
}

/// A build after something in vendor/ was replaced, with something to do.
fn replaced(name: &'static str, make: impl Fn(&Yard) + 'static, verdict: Verdict) -> Case {
    case(
        name,
        move |yard| {
            renew(yard);
            make(yard);
        },
        verdict,
    )
}

/// Names that lead elsewhere, each as a key with a digest.
fn ways_out() -> Value {
    json!({
        "../../outside/secret": "0".repeat(64),
        "/etc/passwd": "0".repeat(64),
        "..": "0".repeat(64),
        "composer/../../../outside/linked/extension.json": "0".repeat(64),
        "bundle_00000000000000000000000000000000.php/../../../outside/secret": "0".repeat(64),
        "composer00000000000000000000000000000000/../../../outside/linked/extension.json": "0".repeat(64),
    })
}

fn add(to: &mut Value, more: &Value) {
    to.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
}

/// A change of a manifest that no build makes, and what it is.
type Lie = (&'static str, fn(&mut Value));

/// All of them.
fn lies() -> Vec<Lie> {
    vec![
        ("files that lie outside", |json| add(&mut json["files"], &ways_out())),
        ("files of earlier generations that lie outside", |json| add(&mut json["retained"], &ways_out())),
        ("generations of names that lie outside", |json| {
            json["previous"] = json!([{
                "generation": "0".repeat(32),
                "names": ["..", "../../outside", "/", "composer", "bundle_00000000000000000000000000000000.php/.."],
            }]);
        }),
        ("originals that lie outside", |json| {
            let text = json!({"text": {"mode": 0o6777, "content": "<?php touch('canary');"}});
            add(&mut json["originals"], &json!({"../../outside/secret": text, "/etc/x": text, "../x.php": text}));
        }),
        ("links that lie outside", |json| {
            json["links"] = json!({"../../outside/linked": "composer", "composer12345678": "../../../outside"});
        }),
        ("a union that lies outside", |json| json["union"] = json!("../../outside/Secret.php")),
    ]
}

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        replaced(
            "a vendor directory that is a link",
            |yard| {
                fs::rename(yard.path("tree/vendor"), yard.path("outside/vendor")).expect("moved");
                yard.link("../outside/vendor", "tree/vendor");
            },
            Verdict::refused(1, &["`tree/vendor` is a symbolic link"]),
        ),
        replaced(
            "vendor/composer that is a link",
            |yard| {
                fs::rename(yard.path("tree/vendor/composer"), yard.path("outside/composer")).expect("moved");
                yard.link("../../outside/composer", "tree/vendor/composer");
            },
            Verdict::refused(1, &["`tree/vendor/composer` is a symbolic link"]),
        ),
        replaced(
            "a vendor directory that is a file",
            |yard| {
                yard.remove("tree/vendor");
                yard.write("tree/vendor", "x");
            },
            Verdict::refused(1, &["tree/vendor"]),
        ),
        replaced(
            "a dispatcher that is a link out",
            |yard| yard.link("../../outside/secret", "tree/vendor/autoload.php"),
            Verdict::refused(1, &["`autoload.php` of the vendor directory", "symbolic link"]),
        ),
        replaced(
            "a dispatcher that is a pipe",
            |yard| yard.pipe("tree/vendor/autoload.php"),
            Verdict::refused(1, &["vendor/autoload.php", "not a file"]),
        ),
        replaced(
            "a dispatcher that is a directory",
            |yard| yard.directory("tree/vendor/autoload.php"),
            Verdict::refused(1, &["vendor/autoload.php", "not a file"]),
        ),
        replaced(
            "a dispatcher of 400 GB",
            |yard| yard.hole("tree/vendor/autoload.php", 400 << 30),
            Verdict::refused(1, &["vendor/autoload.php", "larger than"]),
        ),
        replaced(
            "installed.php that is a link out",
            |yard| yard.link("../../../outside/secret", "tree/vendor/composer/installed.php"),
            Verdict::refused(1, &["`composer/installed.php` of the vendor directory", "symbolic link"]),
        ),
        replaced(
            "a manifest that is a link out",
            |yard| yard.link("../../outside/secret.json", MANIFEST),
            Verdict::refused(1, &["`mwfarm.json` of the vendor directory", "symbolic link"]),
        ),
        replaced(
            "a manifest that is a pipe",
            |yard| yard.pipe(MANIFEST),
            Verdict::refused(1, &["vendor/mwfarm.json", "not a file"]),
        ),
        replaced(
            "a manifest that is torn",
            |yard| yard.write(MANIFEST, "{\"bundles\": [{\"ext"),
            Verdict::refused(1, &["`mwfarm.json`", "is not a manifest"]),
        ),
        replaced(
            "a manifest that is empty",
            |yard| yard.write(MANIFEST, ""),
            Verdict::refused(1, &["`mwfarm.json`", "is not a manifest"]),
        ),
        replaced(
            "a manifest that is deep",
            |yard| yard.write(MANIFEST, "[".repeat(1_000_000)),
            Verdict::refused(1, &["`mwfarm.json`", "is not a manifest"]),
        ),
        replaced(
            "a manifest of 400 GB",
            |yard| yard.hole(MANIFEST, 400 << 30),
            Verdict::refused(1, &["vendor/mwfarm.json", "larger than"]),
        ),
        replaced("no manifest", |yard| yard.remove(MANIFEST), Verdict::refused(1, &["`mwfarm.json`", "is missing"])),
        manifest(
            "a manifest of another age",
            |json| json["schema"] = json!("2.0.0"),
            Verdict::refused(1, &["`mwfarm.json`", "schema 2.0.0"]),
        ),
        manifest(
            "a generation that is a way up",
            |json| json["generation"] = json!("../../../../outside"),
            Verdict::refused(1, &["`mwfarm.json`", "field `generation`"]),
        ),
        manifest(
            "a set that is a way up",
            |json| json["sets"][0]["key"] = json!(".."),
            Verdict::refused(1, &["`mwfarm.json`", "field `sets[0].key`"]),
        ),
        manifest(
            "a bundle that is a way up",
            |json| json["bundles"][0]["hash"] = json!("../x"),
            Verdict::refused(1, &["`mwfarm.json`", "field `bundles[0].hash`"]),
        ),
        manifest("a wiki that is a way up", |json| json["wikis"][0]["id"] = json!("../x"), Verdict::built(&[])),
        replaced(
            "a staging directory that is a link out",
            |yard| yard.link("../../outside/linked", "tree/vendor/.mwfarm_staging"),
            Verdict::built(&[]),
        ),
        replaced(
            "a staging directory with remains",
            |yard| {
                yard.write("tree/vendor/.mwfarm_staging/replacement", "<?php touch('canary');");
                yard.link("../../../outside/linked", "tree/vendor/.mwfarm_staging/link");
                yard.write("tree/vendor/.mwfarm_staging/deep/er/x", "");
            },
            Verdict::built(&[]),
        ),
        replaced(
            "a staging directory that is a pipe",
            |yard| yard.pipe("tree/vendor/.mwfarm_staging"),
            Verdict::built(&[]),
        ),
        replaced(
            "sets that are links out",
            |yard| {
                for set in yard.published("composer").iter().filter(|name| name.len() == 40) {
                    yard.remove(&format!("tree/vendor/{set}"));
                    yard.link("../../outside/linked", &format!("tree/vendor/{set}"));
                }
            },
            Verdict::refused(1, &["vendor/composer"]),
        ),
        replaced(
            "a bundle that is a pipe",
            |yard| {
                for bundle in yard.published("bundle_") {
                    yard.pipe(&format!("tree/vendor/{bundle}"));
                }
            },
            Verdict::refused(1, &["vendor/bundle_", "is there and not as a build makes it"]),
        ),
        replaced(
            "a dispatcher of the end of time",
            |yard| {
                let end = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(15_032_385_534);
                let file = fs::File::options().write(true).open(yard.path("tree/vendor/autoload.php")).expect("a file");
                file.set_modified(end).expect("a time");
            },
            Verdict::built(&[]),
        ),
    ];
    for (name, change) in lies() {
        cases.push(manifest(name, change, Verdict::built(&[])));
    }
    cases
}

/// Whatever a manifest says, no verb reads, writes or removes anything elsewhere.
#[test]
fn no_verb_follows_a_manifest_out_of_vendor() {
    for (name, change) in lies() {
        for verbs in [
            &["verify", "gc", "eject"][..],
            &["build", "gc", "rollback", "eject"],
            &["rollback", "doctor", "build", "gc", "eject"],
        ] {
            let yard = Yard::new();
            edit(&yard, change);
            let before = yard.listing(".", &["tree/vendor", "cache"]);
            for verb in verbs {
                let ran = yard.mwfarm(&[verb]);
                assert_eq!(faults(&ran), [""; 0], "{name}: {verb}: {}", ran.err);
                assert!(
                    yard.listing(".", &["tree/vendor", "cache"]) == before,
                    "{name}: {verb} reaches out\n{}",
                    ran.err
                );
                let strange = |path: &Path| path.ends_with("x.php") || path.ends_with("canary");
                assert!(!yard.listing("tree", &[]).keys().any(|path| strange(path)), "{name}: {verb}");
            }
        }
    }
}
