//! A farm of the matrix: its trees, its configuration, and how its wikis answer.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde::Deserialize;

use super::{Mechanism, Mode, Source};
use crate::fpm::Pool;

/// What distinguishes farms; everything else of a case is a wiki of theirs or a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    pub(super) mode: Mode,
    pub(super) source: Source,
    pub(super) delayed: bool,
    pub(super) registration: bool,
    /// `freshness: check`
    pub(super) checks: bool,
}

/// How a wiki answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// With a page, or the script ended well.
    Page(Seen),
    /// 503 with Retry-After.
    Unavailable,
    /// There is no such entry point.
    Absent,
    /// 500, and nothing of a page.
    Fatal,
    /// The script, or mwfarm, ended with this code and printed nothing.
    Ended(i32),
}

/// What MediaWiki saw after its settings.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    pub(super) tree: String,
    pub(super) release: String,
    pub(super) script: String,
    pub(super) settings: BTreeMap<String, serde_json::Value>,
    pub(super) loads: Vec<String>,
    pub(super) library: bool,
}

pub(super) struct Farm {
    directory: tempfile::TempDir,
    pub(super) kind: Kind,
}

impl Farm {
    /// Writes everything; nothing is compiled. Its wikis run on the older version.
    pub(super) fn new(kind: Kind, wikis: &[String]) -> Self {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        let farm = Self { directory, kind };
        let place = match kind.mode {
            Mode::Mono => {
                farm.tree("mediawiki", "1.41.0", true);
                let settings = "<?php\nrequire dirname( __DIR__ ) . '/output/LocalSettings.php';\n";
                farm.write("mediawiki/LocalSettings.php", settings);
                "tree: ../mediawiki"
            }
            Mode::Multi => {
                farm.tree("code/1.40", "1.40.9", false);
                farm.tree("code/1.50", "1.50.1", true);
                "code: ../code"
            }
        };
        let freshness = if kind.checks { "check" } else { "compiled" };
        let options = format!("{place}\noutput: ../output\nfreshness: {freshness}\ndrain: 0\n");
        farm.write("config/mwfarm.yml", &options);
        let versions = if kind.source == Source::VersionsFile { "  versions: versions.yml\n" } else { "" };
        let deployments = if kind.delayed { "  deployments: deployments\n" } else { "" };
        farm.write(
            "config/farms.yml",
            &format!(
                "matrix:\n  server: '(?<name>[a-z]+)\\.example\\.org'\n  variables:\n    - {{ variable: name, file: \
                 list.yml }}\n  suffix: wiki\n  wikiID: $name-wiki\n{versions}{deployments}  config:\n    \
                 - {{ file: defaults.yml, key: default }}\n    - {{ file: wikis.yml, key: '*-wiki', default: wiki }}\n    \
                 - {{ file: last.php, executable: true }}\n"
            ),
        );
        let defaults = "wgSitename: Default\nwgUseSkinPlain: true\n+wgRights: { edit: false }\n";
        farm.write("config/defaults.yml", defaults);
        let last = "<?php\n$wgSeenVersion = $wgMediaWikiFarm->getVariable( '$VERSION' );\n";
        farm.write("config/last.php", last);
        farm.set_version("1.40", wikis);
        farm.set_sitename("First", wikis);
        farm
    }

    /// A directory of MediaWiki, as far as settings need it. Newer releases have `maintenance/run.php`.
    fn tree(&self, name: &str, release: &str, has_runner: bool) {
        let write = |file: &str, text: &str| self.write(&format!("{name}/{file}"), text);
        write("includes/Defines.php", &format!("<?php\ndefine( 'MW_VERSION', '{release}' );\n"));
        write("includes/Show.php", include_str!("show.php"));
        if self.kind.registration {
            write("includes/registration/ExtensionRegistry.php", "<?php\n");
        }
        for (file, script) in [("index", "index"), ("maintenance/show", "show"), ("maintenance/update", "update")] {
            let root = if file == script { "__DIR__" } else { "dirname( __DIR__ )" };
            let text = format!("<?php\n$script = '{script}';\nrequire {root} . '/includes/Show.php';\n");
            write(&format!("{file}.php"), &text);
        }
        if has_runner {
            write("maintenance/run.php", "<?php\narray_shift( $argv );\nrequire $argv[0];\n");
        }
        write("composer.json", r#"{ "name": "acme/core", "require": {} }"#);
        write("vendor/composer/installed.json", INSTALLED);
        write("vendor/composer/installed.php", ROOT);
        write("vendor/autoload.php", "<?php\n");
        write("vendor/acme/lib/src/Lib.php", "<?php\nnamespace Acme\\Lib;\nclass Lib {}\n");
        let composer = r#"{ "name": "acme/comp", "require": { "acme/dep": "^1.0", "acme/lib": "^1.0" } }"#;
        write("extensions/Comp/composer.json", composer);
        write("extensions/Dep/composer.json", r#"{ "name": "acme/dep" }"#);
        for manifest in ["Comp/extension", "Dep/extension", "Reg/extension", "Both/extension", "../skins/Plain/skin"] {
            let text = format!(r#"{{ "name": "{manifest}", "manifest_version": 2 }}"#);
            write(&format!("extensions/{manifest}.json"), &text);
        }
        for (directory, file) in [("extensions/Old", "Old"), ("extensions/Both", "Both"), ("skins/Plain", "Plain")] {
            let text = format!("<?php\n$GLOBALS['recorded'][] = 'require_once {directory}';\n");
            write(&format!("{directory}/{file}.php"), &text);
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        let file = self.path(name);
        fs::create_dir_all(file.parent().expect("a directory")).expect("a directory");
        fs::write(file, text).expect("a file");
    }

    /// Asks for another version, where this farm's versions come from.
    pub(super) fn set_version(&self, version: &str, wikis: &[String]) {
        match self.kind.source {
            Source::Variables => {
                let lines: Vec<String> = wikis.iter().map(|wiki| format!("{wiki}: {version}\n")).collect();
                self.write("config/list.yml", &lines.concat());
            }
            Source::VersionsFile => {
                self.write("config/list.yml", &format!("- {}\n", wikis.join("\n- ")));
                // As text, whatever YAML would make of it.
                self.write("config/versions.yml", &format!("wiki: {version}\n"));
            }
        }
    }

    /// Gives all wikis another name. Each turns on the extension of its mechanism.
    pub(super) fn set_sitename(&self, name: &str, wikis: &[String]) {
        let mut text = format!("wgSitename: {{ default: {name} }}\n");
        for mechanism in Mechanism::ALL {
            let on = wikis.iter().filter(|wiki| wiki.starts_with(mechanism.wiki()));
            let on: Vec<String> = on.map(|wiki| format!("{wiki}: {}", mechanism.value())).collect();
            let _ = writeln!(text, "wgUseExtension{}: {{ {} }}", mechanism.extension(), on.join(", "));
        }
        self.write("config/wikis.yml", &text);
    }

    /// Takes away what is compiled of every wiki, and leaves what names it.
    pub(super) fn forget_settings(&self) {
        for file in fs::read_dir(self.path("output/settings")).expect("settings") {
            fs::remove_file(file.expect("a file").path()).expect("removed");
        }
    }

    pub(super) fn mwfarm(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_mwfarm"))
            .env("MWFARM_CACHE_DIR", "/dev/null")
            .args(&arguments[..1])
            .arg("--config-dir")
            .arg(self.path("config"))
            .args(&arguments[1..])
            .stdin(Stdio::null())
            .output()
            .expect("mwfarm runs")
    }

    #[track_caller]
    pub(super) fn build(&self) {
        let output = self.mwfarm(&["build", "--quiet"]);
        assert!(output.status.success(), "{:?}: {}", self.kind, String::from_utf8_lossy(&output.stderr));
    }

    /// Builds what has errors.
    #[track_caller]
    pub(super) fn build_in_vain(&self) {
        let output = self.mwfarm(&["build", "--quiet"]);
        assert_eq!(output.status.code(), Some(5), "{:?}: {}", self.kind, String::from_utf8_lossy(&output.stderr));
    }

    /// Runs a script for a wiki.
    #[track_caller]
    pub(super) fn run(&self, script: &str, wiki: &str) -> Answer {
        let output = self.mwfarm(&["run", script, "--wiki", &format!("{wiki}-wiki")]);
        let said = String::from_utf8_lossy(&output.stderr);
        match output.status.code().expect("an exit code") {
            0 => Answer::Page(seen(&output.stdout, &said)),
            code => {
                assert!(output.stdout.is_empty(), "{:?}: {output:?}", self.kind);
                assert!(!said.is_empty(), "{:?}: no reason", self.kind);
                Answer::Ended(code)
            }
        }
    }

    /// Asks a web server for a wiki's page, by the entry point of `www/` or by the tree's own.
    #[track_caller]
    pub(super) fn web(&self, pool: &Pool, wiki: &str) -> Answer {
        self.ask(pool, wiki).0
    }

    /// The same, with what PHP has logged and the headers.
    #[track_caller]
    pub(super) fn ask(&self, pool: &Pool, wiki: &str) -> (Answer, String, Vec<(String, String)>) {
        let entry = match self.kind.mode {
            Mode::Mono => self.path("mediawiki/index.php"),
            Mode::Multi => self.path("output/www/index.php"),
        };
        let response = pool.get(&entry, &[("HTTP_HOST", &format!("{wiki}.example.org"))]);
        let said = String::from_utf8_lossy(&response.stderr).into_owned();
        let is_page = response.body.starts_with(b"{");
        let answer = match response.status {
            200 => Answer::Page(seen(&response.body, &said)),
            status => {
                assert!(!is_page, "{:?}: {status} with a page", self.kind);
                match status {
                    404 if !entry.exists() => Answer::Absent,
                    500 => Answer::Fatal,
                    503 if response.headers.iter().any(|(name, _)| name == "Retry-After") => Answer::Unavailable,
                    _ => panic!("{:?}: {status}, {said}{}", self.kind, String::from_utf8_lossy(&response.body)),
                }
            }
        };
        (answer, said, response.headers)
    }
}

#[track_caller]
fn seen(json: &[u8], said: &str) -> Seen {
    // PHP-FPM puts `PHP message: ` before everything that is logged.
    let own = said.replace("PHP message: ", "");
    assert!(!own.contains("PHP "), "{said}");
    serde_json::from_slice(json).unwrap_or_else(|error| panic!("{error}: {}{said}", String::from_utf8_lossy(json)))
}

/// Whether there is anything but what was compiled and locked: nothing half is left.
pub(super) fn leftovers(directory: &Path) -> Vec<String> {
    let names = fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").file_name());
    let names = names.map(|name| name.into_string().expect("UTF-8"));
    let fixed = [
        ["LocalSettings", "settings", "versions", "updates", "www"].as_slice(),
        &["LocalSettings.php", "farm.php", "mwfarm.json", "unavailable.php"],
    ]
    .concat();
    let known = |name: &String| {
        fixed.contains(&name.as_str()) || ["farm_", "mwfarm_"].iter().any(|prefix| name.starts_with(prefix))
    };
    names.filter(|name| !known(name)).collect()
}

const INSTALLED: &str = r#"{
    "packages": [
        {
            "name": "acme/comp", "version": "1.0.0", "version_normalized": "1.0.0.0", "type": "mediawiki-extension",
            "require": { "acme/dep": "^1.0", "acme/lib": "^1.0" }, "install-path": "../../extensions/Comp"
        },
        {
            "name": "acme/dep", "version": "1.0.0", "version_normalized": "1.0.0.0", "type": "mediawiki-extension",
            "install-path": "../../extensions/Dep"
        },
        {
            "name": "acme/lib", "version": "1.0.0", "version_normalized": "1.0.0.0", "type": "library",
            "autoload": { "psr-4": { "Acme\\Lib\\": "src/" } }, "install-path": "../acme/lib"
        }
    ],
    "dev": false,
    "dev-package-names": []
}
"#;

const ROOT: &str = "<?php return array(
    'root' => array(
        'name' => 'acme/core',
        'pretty_version' => '1.0.0+no-version-set',
        'version' => '1.0.0.0',
        'reference' => NULL,
        'type' => 'library',
        'install_path' => __DIR__ . '/../../',
        'aliases' => array(),
        'dev' => false,
    ),
    'versions' => array(),
);
";
