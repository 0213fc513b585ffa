//! How many keys of OPcache's table a tree takes: the table is full long before the memory is.

use std::collections::BTreeMap;
use std::path::Path;

use super::tree::Tree;
use super::{Pool, Settings};

/// By class file relative to the tree: how many keys it took, and how many it would take for other requests again.
type Keys = BTreeMap<String, (i64, i64)>;

#[test]
fn a_class_file_takes_one_key_below_vendor_and_at_most_two_outside() {
    let keys = keys(&["-o"]);
    assert_eq!(too_many(&keys, 1, 2), [""; 0]);
    let outside = |file: &&String| !file.starts_with("vendor/");
    let (outside, below): (Vec<_>, Vec<_>) = keys.keys().partition(outside);
    assert!(outside.len() >= 10 && below.len() >= 20, "{} and {} files prove little", outside.len(), below.len());
}

#[test]
fn a_class_file_takes_one_key_with_absolute_paths() {
    assert_eq!(too_many(&keys(&["-o", "--absolute-paths"]), 1, 1), [""; 0]);
}

/// Files that took another number of keys than one to this many.
fn too_many(keys: &Keys, below_vendor: i64, outside: i64) -> Vec<String> {
    let most = |file: &str| if file.starts_with("vendor/") { below_vendor } else { outside };
    let wrong = keys.iter().filter(|(file, (first, again))| !(1..=most(file)).contains(first) || *again != 0);
    wrong.map(|(file, (first, again))| format!("{file}: {first} keys, then {again}")).collect()
}

/// Builds the demo farm with these flags and loads all classes of its largest bundle in a pool of two workers, each
/// of which goes by the keys of the other.
fn keys(flags: &[&str]) -> Keys {
    let tree = Tree::copy("fixtures/demo");
    let output = tree.run(&[&["build"], flags].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let pool = Pool::start(&Settings::new(2));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fpm/keys.php");
    let root = tree.root();
    let ask = || -> BTreeMap<String, i64> {
        let parameters = [("TREE", root.to_str().expect("a path in UTF-8")), ("HTTP_HOST", "research.example.org")];
        let response = pool.get(&script, &parameters);
        let body = String::from_utf8_lossy(&response.body);
        assert!(response.status == 200 && response.stderr.is_empty(), "{response:?}");
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"))
    };
    let (first, again) = (ask(), ask());
    assert!(!first.is_empty() && first.keys().eq(again.keys()), "{first:?} {again:?}");
    first.into_iter().map(|(file, keys)| (file.clone(), (keys, again[&file]))).collect()
}
