//! A real farm on the dispatcher: made by the stock installer on a tree that was built before, and then moved.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::tree::Tree;
use crate::farm::composer;

/// A wiki of the farm and what it is to have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wiki {
    /// Its id, which is its database and the first label of its host.
    pub(super) id: &'static str,
    /// The directories of its extensions, besides the skin Vector.
    pub(super) extensions: &'static [&'static str],
    /// Their names in their `extension.json`.
    pub(super) names: &'static [&'static str],
    /// Whether it can load a class of `AbuseFilter`'s library, one of `OATHAuth`'s, and one of the base's.
    pub(super) classes: [bool; 3],
    /// Wikitext, and what its HTML holds.
    pub(super) page: (&'static str, &'static str),
}

/// Three wikis with different extensions; the first two have libraries of their own.
pub(super) const WIKIS: [Wiki; 3] = [
    Wiki {
        id: "one",
        extensions: &["AbuseFilter", "Cite", "ParserFunctions"],
        names: &["Abuse Filter", "Cite", "ParserFunctions", "Vector"],
        classes: [true, false, true],
        page: ("{{#expr:6*7}}<ref>x</ref>", "<p>42<sup id=\"cite"),
    },
    Wiki {
        id: "two",
        extensions: &["OATHAuth", "Poem"],
        names: &["OATHAuth", "Poem", "Vector"],
        classes: [false, true, true],
        page: ("<poem>a</poem>", "<div class=\"poem\">"),
    },
    Wiki {
        id: "three",
        extensions: &[],
        names: &["Vector"],
        classes: [false, false, true],
        page: ("{{#expr:6*7}}<poem>", "{{#expr:6*7}}&lt;poem&gt;"),
    },
];

impl Wiki {
    /// Its host.
    pub(super) fn host(&self) -> String {
        format!("{}.localhost", self.id)
    }
}

/// A farm of the three wikis.
pub(super) struct Farm {
    tree: Tree,
    /// The PHP of its command line, with a log of its own.
    pub(super) php: PathBuf,
    /// The port that its URLs name.
    pub(super) port: u16,
}

/// How a program ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ended {
    /// Its exit code.
    pub(super) code: Option<i32>,
    /// What it printed, on both streams; paths relative to the tree.
    pub(super) printed: String,
}

impl Farm {
    /// Builds a tree for the three wikis and makes the farm on it, with this PHP.
    pub(super) fn new(version: &str, php: &Path) -> Self {
        let tree = Tree::copy(version, None);
        let mut wanted = Vec::new();
        for wiki in WIKIS {
            let directories = wiki.extensions.iter().map(|name| format!("extensions/{name}"));
            wanted.push((wiki.id, directories.chain(["skins/Vector".to_owned()]).collect::<Vec<_>>()));
        }
        let wikis = tree.write_wikis(&wanted.iter().map(|(id, wanted)| (*id, &wanted[..])).collect::<Vec<_>>());
        tree.mwfarm(&["build", "--wikis", &wikis]).expect_success();

        let wrapper = tree.beside("php");
        let log = tree.beside("php.log");
        let (program, said) = (php.display(), log.display());
        let text = format!(
            "#!/bin/sh\nexec {program} -d error_reporting=-1 -d display_errors=0 -d log_errors=1 -d error_log='{said}' \
             \"$@\"\n"
        );
        fs::write(&wrapper, text).expect("a program");
        fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).expect("a program");

        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
        let farm = Self { tree, php: wrapper, port };
        let arguments = WIKIS.map(|wiki| format!("{}:{}", wiki.id, wiki.extensions.join(",")));
        let made = Command::new("bash")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/mediawiki-farm.sh"))
            .args([farm.tree.root(), farm.root()])
            .arg(port.to_string())
            .args(arguments)
            .envs([("PHP", farm.php.as_os_str()), ("MOVE", "1".as_ref())])
            .output()
            .expect("the script runs");
        let (out, err) = (String::from_utf8_lossy(&made.stdout), String::from_utf8_lossy(&made.stderr));
        assert!(made.status.success(), "{out}\n{err}");
        fs::copy(
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mediawiki/probe.php"),
            farm.root().join("probe.php"),
        )
        .expect("the probe is copied");
        farm
    }

    /// The farm's directory.
    pub(super) fn root(&self) -> PathBuf {
        self.tree.beside("farm")
    }

    /// The tree that the farm's was copied from.
    pub(super) fn original(&self) -> &Path {
        self.tree.original()
    }

    /// A file of the farm.
    pub(super) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// What `installed.json` lists, as MediaWiki shows it: libraries with their versions.
    pub(super) fn libraries(&self) -> Vec<(String, String)> {
        let listed: Value = serde_json::from_str(&self.read("vendor/composer/installed.json")).expect("JSON");
        let packages = listed["packages"].as_array().expect("packages").iter();
        let text = |package: &Value, field: &str| package[field].as_str().unwrap_or_default().to_owned();
        let libraries = packages.filter(|package| !text(package, "type").starts_with("mediawiki-"));
        let mut libraries: Vec<_> = libraries
            .map(|package| (text(package, "name"), text(package, "version").trim_start_matches('v').to_owned()))
            .collect();
        libraries.sort();
        libraries
    }

    /// Runs a PHP program in the farm's directory.
    pub(super) fn run(&self, arguments: &[&str], environment: &[(&str, &str)], input: &str) -> Ended {
        program(&self.php, &self.root(), arguments, environment, input)
    }

    /// Runs a PHP program in the directory of the original tree.
    pub(super) fn run_in_original(&self, arguments: &[&str], input: &str) -> Ended {
        program(&self.php, self.original(), arguments, &[], input)
    }

    /// Whether the three classes can be loaded, as a maintenance script with these arguments sees it, and its wiki.
    #[track_caller]
    pub(super) fn evaluated(&self, arguments: &[&str], environment: &[(&str, &str)]) -> (String, [bool; 3]) {
        let code = "echo json_encode( [ $GLOBALS['wgDBname'], [ class_exists( 'Wikimedia\\Equivset\\Equivset' ), \
                    class_exists( 'jakobo\\HOTP\\HOTP' ), interface_exists( 'Psr\\Log\\LoggerInterface' ) ] ] );\n";
        let ended = self.run(arguments, environment, code);
        let line = ended.printed.lines().find(|line| line.starts_with('[')).unwrap_or_default();
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{arguments:?}: {error}\n{ended:?}"))
    }

    /// Runs Composer 2.8 in a tree.
    pub(super) fn composer(&self, tree: &Path, arguments: &[&str]) -> Ended {
        let home = self.tree.beside("composer-home");
        let environment = [
            ("COMPOSER_HOME", home.to_str().expect("a path in UTF-8")),
            ("COMPOSER_ALLOW_SUPERUSER", "1"),
            ("COMPOSER_DISABLE_NETWORK", "1"),
            ("COMPOSER_ROOT_VERSION", "1.0.0"),
        ];
        let arguments = [&["--no-interaction", "--no-ansi"], arguments].concat();
        program(&composer::oracle().join("bin/composer28"), tree, &arguments, &environment, "")
    }

    /// Every message of PHP in the command line's log and in `others`.
    pub(super) fn complaints(&self, others: &str) -> Vec<String> {
        let mut log = fs::read_to_string(self.tree.beside("php.log")).unwrap_or_default();
        let _ = write!(log, "\n{others}");
        log.lines().filter(|line| line.contains("PHP ")).map(str::to_owned).collect()
    }
}

fn program(program: &Path, tree: &Path, arguments: &[&str], environment: &[(&str, &str)], input: &str) -> Ended {
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(tree)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    // One that does not read ends earlier.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("the program ends");
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed).replace(&tree.display().to_string(), "(tree)");
    Ended { code: output.status.code(), printed }
}
