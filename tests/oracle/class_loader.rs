//! The runtime's `ClassLoader` against Composer's own: the same methods, the same private arrays, and the same answers
//! to random uses.

use std::path::Path;
use std::process::Command;

use crate::farm::composer;

/// What a loader shows, a line for each sequence of uses; the first line is its API.
fn shown(php: &Path, class: &Path, seed: u64) -> Vec<String> {
    let directory = tempfile::tempdir().expect("a directory");
    let place = directory.path().join("d");
    std::fs::create_dir(&place).expect("a directory");
    let output = Command::new(php)
        .args(["-d", "display_errors=stdout", "-d", "error_reporting=-1", "-d", "log_errors=0"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/class_loader.php"))
        .args([class, &place])
        .args([seed.to_string(), "300".to_owned()])
        .output()
        .expect("php runs");
    let text = String::from_utf8(output.stdout).expect("JSON");
    assert!(output.status.success(), "{text}");
    let place = place.to_str().expect("a path in UTF-8");
    // As JSON writes it, too.
    text.replace(place, "(d)").replace(&place.replace('/', "\\/"), "(d)").lines().map(str::to_owned).collect()
}

#[test]
fn the_loader_behaves_as_composers() {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("php/ClassLoader.php");
    let composers = composer::oracle().join("root/usr/share/php/Composer/Autoload/ClassLoader.php");
    for php in [Path::new("php"), &composer::oracle().join("bin/php84")] {
        for seed in 0..5 {
            let (expected, seen) = (shown(php, &composers, seed), shown(php, &ours, seed));
            assert_eq!((expected.len(), seen.len()), (301, 301), "{}", seen.last().map_or("", String::as_str));
            for (expected, seen) in expected.iter().zip(&seen) {
                assert_eq!(expected, seen, "{} with seed {seed}", php.display());
            }
        }
    }
}
