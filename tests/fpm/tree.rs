//! A tree that pools serve: the fixture `build/small` with a real `InstalledVersions`, and what its wikis show.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde::{Deserialize, Serialize};

use super::Pool;

/// The wikis' hosts.
pub(super) const HOSTS: [&str; 2] = ["port.example.org", "plain.example.org"];

/// What a wiki shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shown {
    /// The file of each class of the class map; none when it does not load.
    pub(super) classes: BTreeMap<String, Option<String>>,
    /// Files that are included for functions.
    pub(super) files: Vec<String>,
    /// Packages with versions.
    pub(super) packages: BTreeMap<String, Option<String>>,
    /// Whether a second `require` gives the same loader.
    pub(super) again: bool,
}

/// A state of the farm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct State {
    /// Which of [`HOSTS`] has the extension Harbour on, which pulls in Lantern and its library.
    pub(super) with_harbour: usize,
    /// How many classes the library of the base has gained.
    pub(super) steps: usize,
}

impl State {
    /// What a wiki shows in this state.
    pub(super) fn shown(self, wiki: usize) -> Shown {
        let mut classes = vec![
            ("Acme\\Log\\Log".to_owned(), "vendor/acme/log/src/Log.php".to_owned()),
            ("Composer\\InstalledVersions".to_owned(), "vendor/composer/InstalledVersions.php".to_owned()),
        ];
        classes.extend((1..=self.steps).map(|step| (format!("Acme\\Log\\Step{step}"), step_file(step))));
        let mut files = vec!["start.php"];
        let mut packages = vec![
            ("acme/core", Some("1.0.0+no-version-set")),
            ("acme/log", Some("1.2.0")),
            ("acme/log-implementation", None),
        ];
        if wiki == self.with_harbour {
            let library = "vendor/acme/map/lib";
            classes.extend([
                ("Acme\\Lantern\\Light".to_owned(), "extensions/Lantern/src/Light.php".to_owned()),
                ("Acme_Map".to_owned(), format!("{library}/Acme/Map.php")),
                ("OldMap".to_owned(), format!("{library}/legacy.php")),
                ("OlderMap".to_owned(), format!("{library}/legacy.php")),
            ]);
            files.insert(0, "extensions/Lantern/Lantern.php");
            packages.extend([("acme/lantern", Some("2.1.0")), ("acme/map", Some("v3.0.1"))]);
        }
        Shown {
            classes: classes.into_iter().map(|(class, file)| (class, Some(file))).collect(),
            files: files.into_iter().map(str::to_owned).collect(),
            packages: packages
                .into_iter()
                .map(|(name, version)| (name.to_owned(), version.map(str::to_owned)))
                .collect(),
            again: true,
        }
    }
}

fn step_file(step: usize) -> String {
    format!("vendor/acme/log/src/Step{step}.php")
}

/// The tree, in a directory of its own.
pub(super) struct Tree {
    directory: tempfile::TempDir,
}

impl Tree {
    /// A copy in the first state, not built.
    pub(super) fn new() -> Self {
        let tree = Self::copy("fixtures/build/small/in");
        let oracle = std::env::var_os("MWFARM_ORACLE").expect("MWFARM_ORACLE: see tests/all.sh");
        let versions = Path::new(&oracle).join("root/usr/share/php/Composer/InstalledVersions.php");
        fs::copy(versions, tree.root().join("vendor/composer/InstalledVersions.php")).expect("InstalledVersions.php");
        tree.enter(State::default());
        tree
    }

    /// A copy of some fixture's tree.
    pub(super) fn copy(fixture: &str) -> Self {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary directory");
        let tree = Self { directory };
        for (name, text) in crate::build::files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(fixture)) {
            tree.write(&name, &text);
        }
        tree
    }

    /// The directory of `composer.json`.
    pub(super) fn root(&self) -> PathBuf {
        self.beside("tree")
    }

    /// A path beside the tree.
    pub(super) fn beside(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file of the tree.
    pub(super) fn write(&self, name: &str, text: &str) {
        let file = self.root().join(name);
        fs::create_dir_all(file.parent().expect("a directory")).expect("a directory");
        fs::write(file, text).expect("a file");
    }

    /// Brings the tree into a state, without building it. Files of earlier states stay.
    pub(super) fn enter(&self, state: State) {
        let extensions = |wiki| if wiki == state.with_harbour { "[Harbour]" } else { "[]" };
        let wikis = HOSTS.iter().enumerate().map(|(wiki, host)| {
            let id = host.split('.').next().expect("a label");
            format!("  {id}: {{ hosts: [{host}], extensions: {} }}\n", extensions(wiki))
        });
        self.write("wikis.yml", &format!("wikis:\n{}", wikis.collect::<String>()));
        for step in 1..=state.steps {
            if !self.root().join(step_file(step)).exists() {
                self.write(&step_file(step), &format!("<?php\nnamespace Acme\\Log;\nclass Step{step} {{}}\n"));
            }
        }
    }

    /// Runs mwfarm on the tree.
    pub(super) fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mwfarm"));
        command.env("MWFARM_CACHE_DIR", "/dev/null");
        command.args(arguments).arg("-d").arg(self.root()).output().expect("mwfarm runs")
    }

    /// Builds and tells these pools; what the build printed.
    #[track_caller]
    pub(super) fn build(&self, pools: &[&Pool]) -> serde_json::Value {
        let addresses: Vec<String> = pools.iter().map(|pool| pool.address().to_string()).collect();
        let mut arguments = vec!["build", "--format", "json"];
        arguments.extend(addresses.iter().flat_map(|address| ["--invalidate", address]));
        let output = self.run(&arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("a summary")
    }

    /// Removes all generations but so many.
    #[track_caller]
    pub(super) fn collect(&self, keep: usize) -> usize {
        let output = self.run(&["gc", "--grace", "0", "--keep", &keep.to_string(), "--format", "json"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let said: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        said["directories"][0]["removed"].as_array().expect("generations").len()
    }

    /// What a pool shows for a wiki.
    #[track_caller]
    pub(super) fn shown(&self, pool: &Pool, wiki: usize) -> Shown {
        shown_at(&self.root(), pool, wiki)
    }
}

/// What a pool shows for a wiki, when it reaches the tree by this path.
#[track_caller]
pub(super) fn shown_at(tree: &Path, pool: &Pool, wiki: usize) -> Shown {
    shown(pool, tree, wiki, 0).unwrap_or_else(|error| panic!("{error}\n{}", pool.log()))
}

/// What a pool shows for a wiki; `pause` in microseconds goes by between the loader and everything else.
///
/// # Errors
/// The request failed, or PHP complained.
pub(super) fn shown(pool: &Pool, tree: &Path, wiki: usize, pause: u32) -> Result<Shown, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fpm/show.php");
    let tree = tree.to_str().expect("a path in UTF-8");
    let parameters = [("TREE", tree), ("HTTP_HOST", HOSTS[wiki]), ("PAUSE", &pause.to_string())];
    let response = pool.try_get(&script, &parameters).map_err(|error| format!("{error:?}"))?;
    let said = String::from_utf8_lossy(&response.stderr);
    let body = String::from_utf8_lossy(&response.body);
    if response.status != 200 || !said.is_empty() {
        return Err(format!("status {}, PHP said {said:?}: {body}", response.status));
    }
    serde_json::from_slice(&response.body).map_err(|error| format!("{error}: {body}"))
}
