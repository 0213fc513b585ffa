//! Where scans are kept, and that a build does without when it cannot.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::super::build::files;
use super::Place;

/// A copy of a fixture's tree.
pub(super) fn place() -> Place {
    let place = Place::new(true);
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/build/small/in");
    for (name, text) in files(&from) {
        let file = place.path(&name);
        fs::create_dir_all(file.parent().expect("a directory")).expect("a directory");
        fs::write(file, text).expect("a file");
    }
    place
}

/// A build in an environment of these variables only.
pub(super) fn mwfarm(place: &Place, arguments: &[&str], variables: &[(&str, &Path)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mwfarm"));
    command.args(arguments).arg("-d").arg(place.tree()).env_clear().envs(variables.iter().copied());
    command.output().expect("mwfarm runs")
}

/// What such a build notes about the cache.
#[track_caller]
fn noted(place: &Place, arguments: &[&str], variables: &[(&str, &Path)]) -> String {
    let output = mwfarm(place, arguments, variables);
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(output.status.success(), "{said}");
    let noted: Vec<&str> = said.lines().filter(|line| line.contains("kept")).collect();
    noted.join("\n").replace(&place.0.path().display().to_string(), "")
}

/// The files in a cache, temporary ones too.
fn kept(cache: &Path) -> Vec<PathBuf> {
    fs::read_dir(cache).into_iter().flatten().map(|entry| entry.expect("an entry").path()).collect()
}

#[test]
fn the_environment_says_where() {
    let place = place();
    let root = place.0.path();
    let home = root.join("home");
    fs::create_dir(&home).expect("a home");
    let (own, xdg) = (root.join("own/deep"), root.join("xdg"));
    assert_eq!(noted(&place, &["build", "-v"], &[("HOME", &home)]), "");
    assert_eq!(kept(&home.join(".cache/mwfarm")).len(), 1);
    assert_eq!(noted(&place, &["build", "-v"], &[("HOME", &home), ("XDG_CACHE_HOME", &xdg)]), "");
    assert_eq!(kept(&xdg.join("mwfarm")).len(), 1);
    let all: [(&str, &Path); 3] = [("HOME", &home), ("XDG_CACHE_HOME", &xdg), ("MWFARM_CACHE_DIR", &own)];
    assert_eq!(noted(&place, &["build", "-v"], &all), "");
    assert_eq!(kept(&own).len(), 1);
    for directory in [&home.join(".cache"), &home.join(".cache/mwfarm"), &xdg, &xdg.join("mwfarm"), &own] {
        assert_eq!(fs::metadata(directory).expect("it").mode() & 0o7777, 0o700, "{}", directory.display());
    }
    assert_eq!(fs::metadata(&kept(&own)[0]).expect("it").mode() & 0o7777, 0o600);
    let names: Vec<_> = files(&place.vendor()).into_keys().filter(|name| name.contains("cache")).collect();
    assert_eq!(names, [""; 0], "and never in vendor/");
}

#[test]
fn without_a_home_or_a_wish_nothing_is_kept() {
    let place = place();
    let cache = place.cache();
    assert_eq!(noted(&place, &["build", "-v"], &[]), "");
    assert_eq!(noted(&place, &["build", "-v"], &[("HOME", &place.0.path().join("nowhere"))]), "");
    assert_eq!(noted(&place, &["--no-cache", "build", "-v"], &[("MWFARM_CACHE_DIR", &cache)]), "");
    assert_eq!(noted(&place, &["build", "--no-cache", "-v"], &[("MWFARM_CACHE_DIR", &cache)]), "");
    assert_eq!(noted(&place, &["build", "-v"], &[("MWFARM_CACHE_DIR", Path::new("/dev/null"))]), "");
    assert!(!cache.exists() && !place.0.path().join("nowhere").exists());
}

#[test]
fn what_writes_nothing_keeps_nothing() {
    let place = place();
    let cache = place.cache();
    let variables: [(&str, &Path); 1] = [("MWFARM_CACHE_DIR", &cache)];
    noted(&place, &["build", "--dry-run", "-v"], &variables);
    noted(&place, &["plan", "-v"], &variables);
    assert!(!cache.exists());
    noted(&place, &["build", "-v"], &variables);
    let before = fs::metadata(&kept(&cache)[0]).expect("it");
    fs::write(place.path("extensions/Lantern/src/New.php"), "<?php\nnamespace Acme\\Lantern;\nclass New {}\n")
        .expect("a file");
    noted(&place, &["build", "--dry-run", "-v"], &variables);
    mwfarm(&place, &["build", "--locked"], &variables);
    noted(&place, &["plan", "-v"], &variables);
    let after = fs::metadata(&kept(&cache)[0]).expect("it");
    assert_eq!((before.ino(), before.mtime_nsec()), (after.ino(), after.mtime_nsec()));
    assert_eq!(kept(&cache).len(), 1);
}

#[test]
fn a_directory_that_others_may_write_to_is_not_used() {
    let place = place();
    let root = place.0.path();
    let of = |name: &str| {
        let path = root.join(name);
        fs::create_dir(&path).expect("a directory");
        path
    };
    let note = |path: &Path| {
        let note = noted(&place, &["build", "-v"], &[("MWFARM_CACHE_DIR", path)]);
        assert_eq!(noted(&place, &["build"], &[("MWFARM_CACHE_DIR", path)]), "", "only with -v");
        note
    };
    let open = of("open");
    fs::set_permissions(&open, Permissions::from_mode(0o777)).expect("a mode");
    assert_eq!(note(&open), "scans are not kept: /open: others may write to it");
    let group = of("group");
    fs::set_permissions(&group, Permissions::from_mode(0o770)).expect("a mode");
    assert_eq!(note(&group), "scans are not kept: /group: others may write to it");
    let real = of("real");
    symlink(&real, root.join("link")).expect("a link");
    assert!(note(&root.join("link")).starts_with("scans are not kept: /link: "), "{}", note(&root.join("link")));
    fs::write(root.join("file"), "").expect("a file");
    assert!(note(&root.join("file")).starts_with("scans are not kept: /file: "));
    if rustix::process::geteuid().is_root() {
        let foreign = of("foreign");
        chown(&foreign, Some(65534), None).expect("an owner");
        assert_eq!(note(&foreign), "scans are not kept: /foreign: it belongs to another user");
        assert_eq!(kept(&foreign).len(), 0);
    }
    for path in [&open, &group, &real] {
        assert_eq!(kept(path), Vec::<PathBuf>::new());
    }
}

#[test]
fn what_is_kept_is_replaced_when_it_is_of_no_use() {
    let place = place();
    let cache = place.cache();
    let variables: [(&str, &Path); 1] = [("MWFARM_CACHE_DIR", &cache)];
    noted(&place, &["build", "-v"], &variables);
    let file = kept(&cache).remove(0);
    let good = fs::read(&file).expect("it");
    let generation = place.generation();
    let mut torn = good.clone();
    torn.truncate(good.len() / 2);
    let mut changed = good.clone();
    *changed.last_mut().expect("a byte") ^= 1;
    let mut other_scanner = good.clone();
    other_scanner[8] ^= 1;
    for bad in [&[][..], b"no cache", &torn, &changed, &other_scanner] {
        fs::write(&file, bad).expect("it");
        assert_eq!(noted(&place, &["build", "-v"], &variables), "");
        assert_eq!(place.generation(), generation);
        let again = fs::read(&file).expect("it");
        assert_eq!(again[..16], good[..16]);
    }
    // Left by a build that was killed while it wrote; a link there is not followed.
    let unfinished = file.with_extension("new");
    fs::write(&unfinished, "half").expect("it");
    fs::write(&file, "").expect("it");
    noted(&place, &["build", "-v"], &variables);
    assert_eq!(kept(&cache), std::slice::from_ref(&file));
    symlink(place.0.path().join("victim"), &unfinished).expect("a link");
    fs::write(&file, "").expect("it");
    assert!(noted(&place, &["build", "-v"], &variables).starts_with("what was scanned is not kept: "));
    assert!(!place.0.path().join("victim").exists());
    // A directory in its place is no cache either.
    fs::remove_file(&unfinished).expect("removed");
    fs::remove_file(&file).expect("removed");
    fs::create_dir(&file).expect("a directory");
    assert!(noted(&place, &["build", "-v"], &variables).starts_with("what was scanned is not kept: "));
    assert_eq!(place.generation(), generation);
}

#[test]
fn builds_at_once_keep_one_whole_scan() {
    let place = place();
    let cache = place.cache();
    let outputs: Vec<PathBuf> = (0..6).map(|number| place.0.path().join(format!("output{number}"))).collect();
    let start = |output: &PathBuf| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mwfarm"));
        command.args(["build", "-q", "-d"]).arg(place.tree()).arg("--output").arg(output);
        command.env("MWFARM_CACHE_DIR", &cache).stdout(Stdio::null()).spawn().expect("mwfarm runs")
    };
    let children: Vec<_> = outputs.iter().map(start).collect();
    for mut child in children {
        assert!(child.wait().expect("it ends").success());
    }
    assert_eq!(kept(&cache).len(), 1);
    let variables: [(&str, &Path); 1] = [("MWFARM_CACHE_DIR", &cache)];
    assert_eq!(noted(&place, &["build", "-v"], &variables), "");
}
