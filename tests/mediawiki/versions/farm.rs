//! A farm from `farms.yml`: MediaWiki, its wikis with a database each, and what serves them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use mwfarm::fastcgi::{Address, Response};
use serde_json::Value;

use crate::farm::composer;
use crate::fpm::Pool;

/// A wiki of the farm and what it is to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wiki {
    /// Its wikiID, which is its database.
    pub(super) id: &'static str,
    /// Its host.
    pub(super) host: &'static str,
    /// What its paths begin with.
    pub(super) path: &'static str,
    /// `$wgSitename`
    pub(super) site: &'static str,
    /// The version it has in the beginning.
    pub(super) version: &'static str,
    /// The names of its extensions and skins.
    pub(super) extensions: &'static [&'static str],
    /// Wikitext, and what its HTML holds.
    pub(super) page: (&'static str, &'static str),
}

/// Two that share a farm and a version, one of a farm of its own, one below a path.
pub(super) const WIKIS: [Wiki; 4] = [
    Wiki {
        id: "enbooks",
        host: "en.books.localhost",
        path: "",
        site: "English books",
        version: "1.39",
        extensions: &["Cite", "Vector"],
        page: ("<poem>a</poem><ref>x</ref>", "&lt;poem&gt;a&lt;/poem&gt;<sup id=\"cite"),
    },
    Wiki {
        id: "frbooks",
        host: "fr.books.localhost",
        path: "",
        site: "Livres français",
        version: "1.39",
        extensions: &["Cite", "Poem", "Vector"],
        page: ("<poem>a</poem><ref>x</ref>", "<div class=\"poem\">"),
    },
    Wiki {
        id: "worldmaps",
        host: "maps.localhost",
        path: "",
        site: "Maps of the world",
        version: "1.43",
        extensions: &["ParserFunctions", "Vector"],
        page: ("{{#expr:6*7}}", "<p>42"),
    },
    Wiki {
        id: "admindocs",
        host: "localhost",
        path: "/admin",
        site: "Administrator's manual",
        version: "1.43",
        extensions: &["OATHAuth", "Vector"],
        page: ("{{#expr:6*7}}<ref>x</ref>", "{{#expr:6*7}}&lt;ref&gt;x"),
    },
];

impl Wiki {
    /// Whether an answer is this wiki's, whole, by a version with MediaWiki's own name for it.
    pub(super) fn says(&self, [title, generator, settings]: &[String; 3], version: &str, release: &str) -> bool {
        // Some languages have more in the title of their main page.
        title.ends_with(self.site) && generator == release && *settings == format!("{} {version}", self.id)
    }
}

/// The wiki of that id.
pub(super) fn wiki(id: &str) -> Wiki {
    *WIKIS.iter().find(|wiki| wiki.id == id).expect("a wiki of the farm")
}

/// `farms.yml`; the lines with versions are left out of a farm with one MediaWiki.
const FARMS: &str = r"
books:
  server: '(?<lang>[a-z]+)\.books\.localhost'
  variables:
    - { variable: lang, file: settings/languages.dblist }
  suffix: books
  wikiID: $langbooks
  versions: wikiversions.yml
  deployments: deployments
  HTTP404: settings/missing.php
  data: data/$WIKIID
  config: &config
    - { file: settings/common.yml, key: default }
    - { file: settings/books.yml, key: '*books', default: books }
    - { file: settings/wikis.yml, key: '*' }
    - { file: settings/local.php, executable: true }
maps:
  server: maps\.localhost
  suffix: maps
  wikiID: worldmaps
  versions: wikiversions.yml
  deployments: deployments
  config:
    - { file: settings/common.yml, key: default }
    - { file: settings/maps.yml, key: maps }
    - { file: settings/wikis.yml, key: '*' }
    - { file: settings/local.php, executable: true }
docs:
  server: localhost/(?<manual>[a-z]+)
  variables:
    - { variable: manual, values: [admin] }
  suffix: docs
  wikiID: $manualdocs
  versions: wikiversions.yml
  deployments: deployments
  config: *config
";

/// The other files of the configuration. No version is quoted: `1.40` would be one, too.
const FILES: [(&str, &str); 7] = [
    ("wikiversions.yml", "default: 1.43\nbooks: 1.39\n"),
    ("settings/languages.dblist", "# One a line\nen\nfr\n"),
    (
        "settings/common.yml",
        "wgDBtype: sqlite\nwgUseSkinVector: true\nwgDefaultSkin: vector\nwgScriptPath: ''\n\
         wgMainCacheType: 1\nwgSessionCacheType: 1\nwgJobRunRate: 0\nwgEnableEmail: false\n\
         wgShellRestrictionMethod: false\nwgDiff3: false\nwgShowExceptionDetails: true\n\
         +wgGroupPermissions: { '*': { createaccount: false } }\n",
    ),
    (
        "settings/books.yml",
        "wgLanguageCode: { default: en, fr: fr }\nwgUseExtensionCite: { default: true }\nwgLocaltimezone: { fr: Europe/Paris }\n",
    ),
    ("settings/maps.yml", "wgUseExtensionParserFunctions: true\n"),
    (
        "settings/wikis.yml",
        "wgSitename:\n  enbooks: English books\n  frbooks: Livres français\n  worldmaps: Maps of the world\n  \
         admindocs: Administrator's manual\n\
         wgUseExtensionPoem: { default: false, frbooks: true }\nwgUseExtensionOATHAuth: { admindocs: true }\n\
         wgScriptPath: { admindocs: /admin }\n+wgExtraNamespaces: { +worldmaps: { 3000: Map, 3001: Map_talk } }\n",
    ),
    ("settings/missing.php", "<?php\necho '<h1>No books at ', htmlspecialchars( $_SERVER['HTTP_HOST'] ), '</h1>';\n"),
];

/// A farm in a directory of its own: `code/<version>/` or `tree/`, `config/`, `output/`, `data/<wikiID>/`.
pub(super) struct Farm {
    directory: tempfile::TempDir,
}

impl Farm {
    /// Makes a farm of all four wikis, with both versions of MediaWiki. Nothing is compiled yet.
    pub(super) fn of_versions() -> Self {
        let farm = Self::empty();
        for version in ["1.39", "1.43"] {
            let tree = farm.path("code").join(version);
            copy(version, &tree);
            let wikis = WIKIS.iter().filter(|wiki| wiki.version == version).map(|wiki| wiki.id);
            farm.install(&tree, wikis);
        }
        farm.write("config/farms.yml", FARMS);
        farm.write("config/mwfarm.yml", "code: ../code\noutput: ../output\ndrain: 0\n");
        farm
    }

    /// Makes a farm of two wikis with one MediaWiki, which finds its settings by `LocalSettings.php`.
    pub(super) fn of_one_version(version: &str, wikis: [&str; 2]) -> Self {
        let farm = Self::empty();
        let tree = farm.path("tree");
        copy(version, &tree);
        farm.install(&tree, wikis);
        let settings = format!("<?php\nrequire '{}';\n", farm.path("output/LocalSettings.php").display());
        farm.write("tree/LocalSettings.php", &settings);
        let of_versions = |line: &&str| !line.contains("versions:") && !line.contains("deployments:");
        let farms: Vec<&str> = FARMS.lines().filter(of_versions).collect();
        farm.write("config/farms.yml", farms.join("\n").split("docs:").next().unwrap_or_default());
        farm.write("config/mwfarm.yml", "tree: ../tree\noutput: ../output\n");
        farm.write("config/settings/languages.dblist", "en\n");
        farm
    }

    fn empty() -> Self {
        let directory = tempfile::Builder::new().prefix("versions-").tempdir_in(env!("CARGO_TARGET_TMPDIR"));
        let farm = Self { directory: directory.expect("a temporary directory") };
        for (name, text) in FILES {
            farm.write(&format!("config/{name}"), text);
        }
        farm.write("config/settings/local.php", include_str!("local.php"));
        farm
    }

    /// A path in the farm's directory.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file.
    pub(super) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(path, text).expect("a file");
    }

    /// Makes the databases of wikis: one by the stock installer, the others are copies.
    fn install<'w>(&self, tree: &Path, wikis: impl IntoIterator<Item = &'w str>) {
        fs::create_dir_all(self.path("data")).expect("a directory");
        let installed = tempfile::tempdir_in(self.path("data")).expect("a directory");
        let directory = installed.path().to_str().expect("a path in UTF-8");
        let output = Command::new("php")
            .arg(tree.join("maintenance/install.php"))
            .args(["--dbtype", "sqlite", "--dbpath", directory, "--dbname", "wiki", "--confpath", directory])
            .args(["--server", "http://localhost", "--scriptpath", "", "--lang", "en", "--skins", "Vector"])
            .args(["--pass", "Adm1n-pass-word", "Wiki", "Admin"])
            .output()
            .expect("php runs");
        assert!(output.status.success(), "{output:?}");
        for wiki in wikis {
            let data = self.path("data").join(wiki);
            for version in ["", "1.39", "1.43"] {
                fs::create_dir_all(data.join(format!("cache-{version}"))).expect("a directory");
            }
            for (from, to) in [("wiki", wiki), ("wikicache", "wikicache")] {
                for rest in ["", "_jobqueue", "_l10n_cache"] {
                    let from = installed.path().join(format!("{from}{rest}.sqlite"));
                    if from.is_file() {
                        fs::copy(from, data.join(format!("{to}{rest}.sqlite"))).expect("a copy");
                    }
                }
            }
        }
    }

    /// A run of mwfarm with the farm's configuration, in an environment of its own.
    pub(super) fn mwfarm(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mwfarm"));
        let (own, of_script): (Vec<&str>, Vec<&str>) = {
            let end = arguments.iter().position(|argument| *argument == "--").unwrap_or(arguments.len());
            (arguments[..end].to_vec(), arguments[end..].to_vec())
        };
        command.args(own).arg("--config-dir").arg(self.path("config")).args(of_script);
        command
            .env_clear()
            .env("MWFARM_CACHE_DIR", "/dev/null")
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.directory.path());
        command.stdin(Stdio::null());
        command
    }

    /// Runs mwfarm; gives its standard output.
    #[track_caller]
    pub(super) fn expect(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.mwfarm(arguments).output().expect("mwfarm runs");
        let Ran { said, complete } = Ran::of(&output);
        assert_eq!(output.status.code(), Some(code), "mwfarm {arguments:?}: {complete}");
        said
    }

    /// Runs mwfarm, which has to fail with this code; gives what it said of it.
    #[track_caller]
    pub(super) fn refused(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.mwfarm(arguments).output().expect("mwfarm runs");
        let complete = Ran::of(&output).complete;
        assert_eq!(output.status.code(), Some(code), "mwfarm {arguments:?}: {complete}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// The version that a wiki's data is for, as written; with `!` while that changes.
    pub(super) fn in_use(&self, wiki: &str) -> String {
        let link = fs::read_link(self.path("output/versions").join(wiki)).expect("a link");
        link.to_str().expect("UTF-8").to_owned()
    }

    /// Asks an entry point in a directory, as a web server would: hosts as clients write them.
    pub(super) fn try_ask(directory: &Path, pool: &Address, host: &str, uri: &str) -> Result<Response, String> {
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let end = path.find(".php").map_or(path.len(), |at| at + ".php".len());
        let (script, info) = path.split_at(end);
        let file = directory.join(script.rsplit('/').next().unwrap_or_default());
        let mut parameters = vec![
            ("SCRIPT_NAME", script),
            ("REQUEST_URI", uri),
            ("QUERY_STRING", query),
            ("HTTP_HOST", host),
            ("SERVER_NAME", "_"),
            ("SERVER_PORT", "80"),
        ];
        if !info.is_empty() {
            parameters.push(("PATH_INFO", info));
        }
        Pool::ask(pool, &file, &parameters).map_err(|error| format!("{host}{uri}: {error:?}"))
    }
}

/// What a run said.
struct Ran {
    said: String,
    complete: String,
}

impl Ran {
    fn of(output: &Output) -> Self {
        let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        Self { complete: format!("{}\n{said}\n{complained}", output.status), said: said.into_owned() }
    }
}

/// The extensions of a tree that the farm has any use for, and one with libraries that no wiki needs.
const EXTENSIONS: [&str; 6] = ["AbuseFilter", "Cite", "Linter", "OATHAuth", "ParserFunctions", "Poem"];

/// What is linked instead of being copied: data that is never written, half of a tree's size.
const LINKED: [&str; 3] = ["docs", "languages", "resources"];

/// Makes a tree with the code of a version.
fn copy(version: &str, to: &Path) {
    let from = fs::canonicalize(composer::trees().join(version)).expect("the tree is there");
    fs::create_dir_all(to.join("extensions")).expect("a directory");
    let mut copied = Vec::new();
    for entry in fs::read_dir(&from).expect("a directory") {
        let entry = entry.expect("an entry");
        match entry.file_name().to_str() {
            Some(name) if LINKED.contains(&name) => symlink(entry.path(), to.join(name)).expect("a link"),
            Some("extensions") => {}
            _ => copied.push(entry.path()),
        }
    }
    let extensions = EXTENSIONS.map(|name| from.join("extensions").join(name));
    let extensions = extensions.into_iter().filter(|directory| directory.is_dir());
    for (paths, to) in [(copied, to.to_owned()), (extensions.collect(), to.join("extensions"))] {
        let status = Command::new("cp").args(["-a", "--reflink=auto", "-t"]).arg(to).args(paths).status();
        assert!(status.expect("cp runs").success());
    }
    let script = "<?php\nrequire_once __DIR__ . '/Maintenance.php';\n\
                  class ExitWith extends Maintenance {\n\
                  public function __construct() { parent::__construct(); $this->addArg( 'code', 'Exit code' ); }\n\
                  public function execute() {\n\
                  $this->fatalError( 'It is ' . $this->getConfig()->get( 'DBname' ), (int)$this->getArg( 0 ) );\n\
                  }\n}\n$maintClass = ExitWith::class;\nrequire_once RUN_MAINTENANCE_IF_MAIN;\n";
    fs::write(to.join("maintenance/exitWith.php"), script).expect("a script");
}

/// The text that stands between two others.
pub(super) fn between<'t>(text: &'t str, before: &str, behind: &str) -> Option<&'t str> {
    let (_, text) = text.split_once(before)?;
    Some(text.split_once(behind)?.0)
}

/// What a page says of itself: its title, MediaWiki's version, the wiki and version that its settings were for.
pub(super) fn page(response: &Response) -> [String; 3] {
    let body = String::from_utf8_lossy(&response.body);
    let title = between(&body, "<title>", "</title>");
    let generator = between(&body, "<meta name=\"generator\" content=\"MediaWiki ", "\"");
    let settings = between(&body, "<meta name=\"farm\" content=\"", "\"");
    [title, generator, settings].map(|text| text.unwrap_or_default().replace("&#039;", "'"))
}

/// Where the API says the same, with the names of extensions.
pub(super) const INFO: &str =
    "/api.php?action=query&meta=siteinfo&siprop=general%7Cextensions&format=json&formatversion=2";

/// What the API says of the wiki.
pub(super) fn info(response: &Response) -> Result<([String; 3], Vec<String>), serde_json::Error> {
    let info: Value = serde_json::from_slice(&response.body)?;
    let general = &info["query"]["general"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let version = text(&general["generator"]).trim_start_matches("MediaWiki ").to_owned();
    let extensions = info["query"]["extensions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut names: Vec<String> = extensions.iter().map(|extension| text(&extension["name"])).collect();
    names.sort();
    Ok(([text(&general["sitename"]), version, text(&general["farm"])], names))
}
