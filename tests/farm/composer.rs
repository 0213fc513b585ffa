//! The real Composer, run offline in a directory of the test's own.

use std::env;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Map, Value, json};

use super::MERGE_PLUGIN;

/// Where Composer 2.8 and its PHP are (`tests/tools/composer-oracle.sh`).
pub(crate) fn oracle() -> PathBuf {
    material("MWFARM_ORACLE", "bin/composer28")
}

/// Where the real MediaWiki trees `1.39` and `1.43` are (`tests/tools/mediawiki-tree.sh`).
pub(crate) fn trees() -> PathBuf {
    material("MWFARM_TREES", "1.43/vendor/composer/installed.json")
}

/// Where PHP 7.4 is (`tests/tools/php74.sh`): the oldest PHP that the runtime supports.
pub(crate) fn php74() -> PathBuf {
    material("MWFARM_PHP74", "bin/php74").join("bin/php74")
}

/// A directory that an environment variable names. A test without its materials fails: it never passes unrun.
fn material(variable: &str, witness: &str) -> PathBuf {
    let Some(directory) = env::var_os(variable) else {
        panic!("`{variable}` is not set; `bash tests/all.sh` makes the materials and sets it");
    };
    let directory = PathBuf::from(directory);
    assert!(directory.join(witness).exists(), "`{variable}` names {}, which lacks `{witness}`", directory.display());
    directory
}

/// A refusal of Composer: its exit code and what it said.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// 2 when the requirements cannot be met together.
    pub(crate) code: Option<i32>,
    /// Both output streams.
    pub(crate) text: String,
}

/// Runs Composer in `directory`, with `home` as its `COMPOSER_HOME`.
pub(crate) fn run(directory: &Path, home: &Path, arguments: &[&str]) -> Result<(), Refusal> {
    let output = Command::new(oracle().join("bin/composer28"))
        .args(["--no-interaction", "--no-ansi"])
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("COMPOSER_HOME", home)
        .env("COMPOSER_CACHE_DIR", "/dev/null")
        .env("COMPOSER_ALLOW_SUPERUSER", "1")
        .env("COMPOSER_DISABLE_NETWORK", "1")
        .env("COMPOSER_MIRROR_PATH_REPOS", "1")
        .env("COMPOSER_NO_AUDIT", "1")
        // A root without `version` is guessed from a git repository around it; there must be none.
        .env("GIT_DIR", "/nonexistent")
        .output()
        .expect("Composer runs");
    if output.status.success() {
        return Ok(());
    }
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Err(Refusal { code: output.status.code(), text })
}

/// The packages that every farm's repository offers besides its own: the real merge plugin, taken from a real
/// MediaWiki's vendor directory, and `composer/installers`, which extension packages require. The latter is a mere
/// library here: what it does is done by the plugin of [`write_home`].
pub(crate) fn offered() -> Vec<Value> {
    let merge_plugin = trees().join("1.43/vendor").join(MERGE_PLUGIN);
    let listed = fs::read(trees().join("1.43/vendor/composer/installed.json")).expect("installed.json is readable");
    let listed: Value = serde_json::from_slice(&listed).expect("installed.json is JSON");
    let mut merge = listed["packages"]
        .as_array()
        .and_then(|packages| packages.iter().find(|package| package["name"] == MERGE_PLUGIN))
        .expect("MediaWiki's vendor holds the merge plugin")
        .clone();
    for field in ["install-path", "installation-source", "source", "time"] {
        merge.as_object_mut().expect("a package is an object").remove(field);
    }
    merge["dist"] = json!({ "type": "path", "url": merge_plugin, "reference": "merge-plugin" });
    let installers = |version: &str| {
        let mut library = installer();
        library["name"] = json!("composer/installers");
        library["version"] = json!(version);
        library["type"] = json!("library");
        library.as_object_mut().expect("a package is an object").remove("require");
        library
    };
    // Old extensions ask for the first series.
    vec![merge, installers("2.3.0"), installers("1.12.0")]
}

/// The plugin of `tests/farm/installer` as a repository offers it.
fn installer() -> Value {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/farm/installer");
    let manifest = fs::read(directory.join("composer.json")).expect("the installer has a composer.json");
    let mut package: Value = serde_json::from_slice(&manifest).expect("composer.json is JSON");
    package["dist"] = json!({ "type": "path", "url": directory, "reference": "installer" });
    package
}

/// What every run begins with, made once for each state of the plugins and kept for later runs: `project/vendor`, in
/// which the merge plugin is installed (Composer activates a plugin at the start of a run only if it is installed
/// already; where a tree does not require it, Composer takes it out again), and `home`, in which our installer is
/// (as a global plugin it is active in every run, also where no package of the tree asks for it).
fn plugins() -> &'static Path {
    static PLUGINS: OnceLock<PathBuf> = OnceLock::new();
    PLUGINS.get_or_init(|| {
        let offered = [offered(), vec![installer()]].concat();
        let mut state = DefaultHasher::new();
        json!(offered).to_string().hash(&mut state);
        for file in ["Plugin.php", "MediaWikiInstaller.php"] {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/farm/installer/src").join(file);
            fs::read(file).expect("the installer's source").hash(&mut state);
        }
        let parent = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let kept = parent.join(format!("plugins-{:016x}", state.finish()));
        if !kept.exists() {
            let new = tempfile::Builder::new().prefix("plugins-new-").tempdir_in(parent).expect("a directory");
            let home = new.path().join("home");
            write_configuration(&home, &offered);
            for (directory, package) in [("home", "mwfarm-test/installers"), ("project", MERGE_PLUGIN)] {
                let directory = new.path().join(directory);
                fs::create_dir_all(&directory).expect("a directory");
                let root = json!({ "require": { package: "*" }, "config": { "allow-plugins": true } });
                fs::write(directory.join("composer.json"), root.to_string()).expect("composer.json is written");
                run(&directory, &home, &["update"]).expect("Composer installs the plugin");
            }
            let renamed = fs::rename(new.path(), &kept);
            assert!(renamed.is_ok() || kept.exists(), "{renamed:?}");
        }
        kept
    })
}

/// The vendor directory with which every tree begins: the merge plugin is in it.
pub(crate) fn first_vendor() -> PathBuf {
    plugins().join("project/vendor")
}

/// Makes a `COMPOSER_HOME` whose only repository holds `packages`, and in which our installer for extensions and
/// skins is active.
pub(crate) fn write_home(home: &Path, packages: &[Value]) {
    write_configuration(home, packages);
    let global = plugins().join("home");
    fs::copy(global.join("composer.json"), home.join("composer.json")).expect("the global composer.json");
    symlink(global.join("vendor"), home.join("vendor")).expect("the global vendor directory");
}

/// Writes a `config.json` whose only repository holds `packages`. (It is a repository of type `composer`: in one of
/// type `package` names with capitals are refused.)
fn write_configuration(home: &Path, packages: &[Value]) {
    fs::create_dir_all(home).expect("a home for Composer");
    let mut listed = Map::new();
    for package in packages {
        let text = |field: &str| package[field].as_str().expect("a package has a name and a version");
        let versions = listed.entry(text("name")).or_insert_with(|| json!({}));
        versions[text("version")] = package.clone();
    }
    fs::write(home.join("packages.json"), json!({ "packages": listed }).to_string()).expect("packages.json");
    let config = json!({
        "repositories": [
            { "type": "composer", "url": format!("file://{}", home.display()) },
            { "packagist": false },
        ],
        "config": { "preferred-install": "dist" },
    });
    fs::write(home.join("config.json"), config.to_string()).expect("config.json is written");
}
