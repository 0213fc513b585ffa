//! The tree that is built: extensions that share libraries, as a real Composer left it, in two states.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::farm::composer;

/// The wikis.
pub(super) const WIKIS: [&str; 3] = ["all", "some", "none"];

/// What is to be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// As Composer left it.
    First,
    /// Every other extension and a library have got a class, and wikis have others on.
    Second,
}

/// A tree in a directory of its own.
#[derive(Debug)]
pub(super) struct Tree {
    directory: tempfile::TempDir,
    extensions: usize,
    /// What Composer has installed.
    packages: Vec<Value>,
}

/// What a program said.
#[derive(Debug)]
pub(super) struct Said {
    /// Its exit code; negative for a signal.
    pub(super) code: i32,
    /// What is on stdout.
    #[expect(dead_code, reason = "a failing test shows it")]
    out: String,
    /// What is on stderr.
    pub(super) err: String,
}

impl Tree {
    /// A tree with so many extensions, in the first state, not built.
    pub(super) fn new(extensions: usize) -> Self {
        let mut tree = Self { directory: directory(), extensions, packages: Vec::new() };
        let mut packages = Vec::new();
        for number in 0..extensions {
            let name = extension(number);
            let library = number / 2;
            tree.write(&format!("extensions/{name}/extension.json"), &json!({ "name": name }).to_string());
            tree.write(&format!("extensions/{name}/src/Main.php"), &class(&format!("Farm\\{name}"), "Main"));
            packages.push(json!({
                "name": format!("farm/{}", name.to_lowercase()),
                "version": "1.0.0",
                "version_normalized": "1.0.0.0",
                "type": "mediawiki-extension",
                "require": { format!("farm/library{library}"): "^1.0" },
                "autoload": { "psr-4": { format!("Farm\\{name}\\"): "src/" } },
                "install-path": format!("../../extensions/{name}"),
            }));
        }
        for library in 0..=extensions / 2 {
            let directory = format!("vendor/farm/library{library}");
            tree.write(&format!("{directory}/src/Shelf.php"), &class(&format!("Farm\\Library{library}"), "Shelf"));
            tree.write(&format!("{directory}/start.php"), "<?php\n");
            packages.push(json!({
                "name": format!("farm/library{library}"),
                "version": "1.0.0",
                "version_normalized": "1.0.0.0",
                "type": "library",
                "autoload": { "psr-4": { format!("Farm\\Library{library}\\"): "src/" }, "files": ["start.php"] },
                "install-path": format!("../farm/library{library}"),
            }));
        }
        packages.sort_by_key(|package| package["name"].to_string());
        let installed = json!({ "packages": packages, "dev": false, "dev-package-names": [] });
        tree.write("vendor/composer/installed.json", &installed.to_string());
        tree.write("vendor/composer/installed.php", &installed_php(&packages));
        let versions = composer::oracle().join("root/usr/share/php/Composer/InstalledVersions.php");
        fs::copy(versions, tree.vendor().join("composer/InstalledVersions.php")).expect("InstalledVersions.php");
        let root = json!({
            "name": "farm/core",
            "require": { format!("farm/library{}", extensions / 2): "^1.0" },
            "config": { "optimize-autoloader": true },
        });
        tree.write("composer.json", &root.to_string());
        tree.write("home/.keep", "");
        composer::run(&tree.root(), &tree.root().join("home"), &["dump-autoload"]).expect("Composer dumps");
        tree.packages = packages;
        tree.enter(State::First);
        tree
    }

    /// Another tree with the same content.
    pub(super) fn copy(&self) -> Self {
        let tree = Self { directory: directory(), extensions: self.extensions, packages: self.packages.clone() };
        let copied = Command::new("cp").arg("-aT").arg(self.directory.path()).arg(tree.directory.path()).status();
        assert!(copied.expect("cp").success());
        tree
    }

    /// The directory of `composer.json`.
    pub(super) fn root(&self) -> PathBuf {
        self.beside("tree")
    }

    /// Its vendor directory.
    pub(super) fn vendor(&self) -> PathBuf {
        self.root().join("vendor")
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

    /// Brings the tree into a state, without building it.
    pub(super) fn enter(&self, state: State) {
        let second = state == State::Second;
        let mut added: BTreeMap<String, String> = (0..self.extensions)
            .step_by(2)
            .map(|number| {
                (format!("extensions/{}/src/Added.php", extension(number)), class(&namespace(number), "Added"))
            })
            .collect();
        added.insert("vendor/farm/library0/src/Added.php".to_owned(), class("Farm\\Library0", "Added"));
        for (name, text) in added {
            if second {
                self.write(&name, &text);
            } else {
                let _ = fs::remove_file(self.root().join(name));
            }
        }
        self.list(state);
    }

    /// Lists the wikis of a state, and leaves the rest of the tree as it is.
    pub(super) fn list(&self, state: State) {
        let second = state == State::Second;
        let mut text = "wikis:\n".to_owned();
        for (place, wiki) in WIKIS.iter().enumerate() {
            let on = (0..self.extensions).filter(|number| match (place, second) {
                (0, _) => true,
                (1, second) => usize::from(second) == number % 2,
                (_, second) => second && *number == 0,
            });
            let on: Vec<String> = on.map(extension).collect();
            let _ = writeln!(text, "  {wiki}: {{ hosts: [{wiki}.example.org], extensions: [{}] }}", on.join(", "));
        }
        self.write("wikis.yml", &text);
    }

    /// Lists one more wiki.
    pub(super) fn list_also(&self, wiki: &str) {
        let wikis = fs::read_to_string(self.root().join("wikis.yml")).expect("wikis");
        self.write("wikis.yml", &format!("{wikis}  {wiki}: {{ hosts: [{wiki}.example.org], extensions: [] }}\n"));
    }

    /// Lists all packages but that of one extension as installed: its directory is then one that somebody has unpacked.
    pub(super) fn install_all_but(&self, number: usize) {
        let name = format!("farm/{}", extension(number).to_lowercase());
        let packages: Vec<&Value> = self.packages.iter().filter(|package| package["name"] != name).collect();
        let installed = json!({ "packages": packages, "dev": false, "dev-package-names": [] });
        self.write("vendor/composer/installed.json", &installed.to_string());
    }

    /// All classes of both states.
    pub(super) fn classes(&self) -> Vec<String> {
        let extensions =
            (0..self.extensions).flat_map(|number| ["Main", "Added"].map(|class| (namespace(number), class)));
        let libraries = (0..=self.extensions / 2)
            .flat_map(|library| ["Shelf", "Added"].map(|class| (format!("Farm\\Library{library}"), class)));
        extensions.chain(libraries).map(|(namespace, class)| format!("{namespace}\\{class}")).collect()
    }

    /// Runs mwfarm on the tree.
    pub(super) fn mwfarm(&self, words: &[&str]) -> Said {
        Said::of(self.command(words).output().expect("mwfarm runs"))
    }

    /// How mwfarm is run on the tree.
    pub(super) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mwfarm"));
        command.args(self.words(words)).stdin(Stdio::null());
        self.environment(&mut command);
        command
    }

    /// mwfarm's words.
    fn words(&self, words: &[&str]) -> Vec<String> {
        let tree = self.root().to_str().expect("UTF-8").to_owned();
        self.replaced(words).into_iter().chain(["-d".to_owned(), tree]).collect()
    }

    /// Words: `@` in them is the directory beside which the tree is, `%` what is in the file `generation`
    /// there.
    fn replaced(&self, words: &[&str]) -> Vec<String> {
        let place = self.directory.path().to_str().expect("UTF-8");
        let generation = fs::read_to_string(self.beside("generation")).unwrap_or_default();
        words.iter().map(|word| word.replace('@', place).replace('%', &generation)).collect()
    }

    /// Runs what words say: mwfarm on the tree or, after the word `php`, a PHP script.
    pub(super) fn run(&self, words: &[&str]) -> Said {
        let (program, words) = self.program(words);
        let mut command = Command::new(program);
        command.args(words).stdin(Stdio::null());
        self.environment(&mut command);
        Said::of(command.output().expect("a program"))
    }

    fn program(&self, words: &[&str]) -> (&'static str, Vec<String>) {
        match words {
            ["php", script @ ..] => ("php", self.replaced(script)),
            _ => (env!("CARGO_BIN_EXE_mwfarm"), self.words(words)),
        }
    }

    /// Runs the same under strace.
    pub(super) fn traced(&self, words: &[&str], expressions: &[impl AsRef<str>]) -> Said {
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-s", "256", "-o"]).arg(self.beside("trace"));
        for expression in expressions {
            command.args(["-e", expression.as_ref()]);
        }
        let (program, words) = self.program(words);
        command.arg(program).args(words).stdin(Stdio::null());
        self.environment(&mut command);
        Said::of(command.output().expect("strace runs"))
    }

    /// What the last program that was traced has called.
    pub(super) fn trace(&self) -> String {
        fs::read_to_string(self.beside("trace")).expect("a trace")
    }

    fn environment(&self, command: &mut Command) {
        command.env("MWFARM_CACHE_DIR", self.beside("cache"));
        for name in ["CI", "NO_COLOR", "TERM"] {
            command.env_remove(name);
        }
    }
}

impl Said {
    pub(super) fn of(output: Output) -> Self {
        use std::os::unix::process::ExitStatusExt as _;
        Self {
            code: output.status.code().unwrap_or_else(|| -output.status.signal().unwrap_or_default()),
            out: String::from_utf8(output.stdout).expect("UTF-8"),
            err: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }

    /// It succeeded.
    #[track_caller]
    pub(super) fn well(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }
}

/// What Composer writes of packages for its `InstalledVersions`.
fn installed_php(packages: &[Value]) -> String {
    let block = |path: &str, more: &str| {
        format!(
            "'pretty_version' => '1.0.0', 'version' => '1.0.0.0', 'reference' => null, 'type' => 'library', \
             'install_path' => __DIR__ . '/{path}', 'aliases' => array(), {more}"
        )
    };
    let mut text = format!(
        "<?php return array(\n    'root' => array('name' => 'farm/core', {}),\n    'versions' => array(\n",
        block("../../", "'dev' => false")
    );
    let _ = writeln!(text, "        'farm/core' => array({}),", block("../../", "'dev_requirement' => false"));
    for package in packages {
        let text_of = |field: &str| package[field].as_str().expect("a text");
        let block = block(text_of("install-path"), "'dev_requirement' => false");
        let _ = writeln!(text, "        '{}' => array({block}),", text_of("name"));
    }
    text + "    ),\n);\n"
}

/// A temporary directory, in memory where that can be had: nothing here hangs on how slow a disk is.
pub(super) fn directory() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let directory = tempfile::Builder::new().prefix("mwfarm-faults-").tempdir_in(memory);
    directory.or_else(|_| tempfile::tempdir()).expect("a temporary directory")
}

/// The name of an extension.
fn extension(number: usize) -> String {
    format!("Extension{number}")
}

fn namespace(number: usize) -> String {
    format!("Farm\\{}", extension(number))
}

fn class(namespace: &str, name: &str) -> String {
    format!("<?php\nnamespace {namespace};\nclass {name} {{}}\n")
}
