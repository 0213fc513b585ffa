//! Real farms on the dispatcher: every entry point of the web and of the command line, `update.php`, programs without
//! MediaWiki, Composer, an unknown host. Each farm is made once and looked at many times.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::farm::{Farm, WIKIS, Wiki};
use super::web::Web;
use crate::farm::composer;

#[test]
fn a_farm_of_mediawiki_1_39_runs_on_bundles() {
    Looker::new("1.39", Path::new("php")).look_at_everything(Server::Fpm);
}

#[test]
fn a_farm_of_mediawiki_1_43_runs_on_bundles() {
    Looker::new("1.43", Path::new("php")).look_at_everything(Server::Fpm);
}

#[test]
fn a_farm_of_mediawiki_1_43_on_php_8_4_runs_on_bundles() {
    Looker::new("1.43", &composer::oracle().join("bin/php84")).look_at_everything(Server::BuiltIn);
}

/// What serves the web.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Server {
    /// The system's PHP-FPM.
    Fpm,
    /// `php -S` of the farm's PHP.
    BuiltIn,
}

/// A farm that is looked at.
struct Looker {
    version: &'static str,
    farm: Farm,
}

impl Looker {
    fn new(version: &'static str, php: &Path) -> Self {
        Self { version, farm: Farm::new(version, php) }
    }

    fn look_at_everything(&self, server: Server) {
        self.the_installer_and_update_php_were_content();
        let mut said = String::new();
        let web = self.serve(server);
        pages(&web, &WIKIS);
        self.entry_points(&web);
        self.libraries(&web);
        classes_on_the_web(&web);
        hosts_without_a_wiki(&web);
        if server == Server::Fpm {
            parameters_of_the_server(&web);
        }
        said.push_str(&web.log());
        drop(web);

        self.classes_on_the_command_line();
        self.maintenance_scripts();
        self.the_check_of_the_lock();
        self.programs_without_mediawiki();
        self.composer();
        self.with_mediawikifarm();

        self.load_extensions_by_the_farm();
        let web = self.serve(server);
        pages(&web, &WIKIS);
        classes_on_the_web(&web);
        said.push_str(&web.log());
        self.classes_on_the_command_line();
        drop(web);
        if self.version == "1.43" {
            // Until the next build wikis go on with Composer's own loader, each with its own extensions. It leaves out
            // packages that only plain directories require, as the libraries of the first two wikis are.
            let dumped = self.farm.composer(&self.farm.root(), &["dump-autoload", "--no-plugins", "--no-scripts"]);
            assert_eq!(dumped.code, Some(0), "{dumped:?}");
            let web = self.serve(server);
            pages(&web, &WIKIS[2..]);
            said.push_str(&web.log());
        }
        let mut complaints = self.farm.complaints(&said);
        if self.version == "1.39" {
            // MediaWiki's own on this PHP, also with Composer's autoloader: at the first `load.php` of a wiki, and for
            // statistics that lack.
            let own = ["objectcache/BagOStuff.php on line ", "maintenance/showSiteStats.php on line "];
            complaints.retain(|line| !own.iter().any(|place| line.contains(place)));
        }
        assert_eq!(complaints, Vec::<String>::new());
    }

    fn serve(&self, server: Server) -> Web {
        match server {
            Server::Fpm => Web::fpm(&self.farm.root(), self.farm.port),
            Server::BuiltIn => Web::built_in(&self.farm.php, &self.farm.root(), self.farm.port),
        }
    }

    /// The farm's script ran both on the dispatcher: the installer without a wiki, also with extensions whose libraries
    /// the base does not have, and `update.php` with each wiki, its check of `composer.lock` included.
    fn the_installer_and_update_php_were_content(&self) {
        for wiki in WIKIS {
            let (install, update) = (format!("data/install-{}.log", wiki.id), format!("data/update-{}.log", wiki.id));
            let (install, update) = (self.farm.read(&install), self.farm.read(&update));
            assert!(install.contains("MediaWiki has been successfully installed"), "{install}");
            assert!(update.contains("composer.lock file is up to date") && update.contains("Done in"), "{update}");
        }
    }

    /// Every entry point of MediaWiki.
    fn entry_points(&self, web: &Web) {
        let installation = format!("<title>MediaWiki {}", self.version);
        let (opensearch, description) = match self.version {
            "1.39" => (200, "/opensearch_desc.php"),
            _ => (308, "/rest.php/v1/search"),
        };
        let entry_points = [
            ("/index.php?title=Special:BlankPage&uselang=de", 200, "lang=\"de\""),
            ("/index.php?title=No_such_page", 404, "There is currently no text in this page"),
            ("/load.php?modules=startup&only=scripts&lang=en&skin=vector", 200, "mw.loader"),
            // Compiled by a library of the base.
            ("/load.php?modules=skins.vector.styles&only=styles&lang=en&skin=vector", 200, ".mw-body"),
            ("/rest.php/v1/page/Main_Page", 200, "\"content_model\":\"wikitext\""),
            ("/rest.php/v1/search/page?q=Main&limit=1", 200, "\"key\":\"Main_Page\""),
            ("/rest.php/v1/page/No_such_page", 404, "\"httpCode\":404"),
            ("/api.php?action=query&titles=Main_Page&format=json", 200, "\"title\":\"Main Page\""),
            ("/thumb.php?f=No_such.png&width=100", 404, "No_such.png"),
            ("/img_auth.php/0/00/No_such.png", 403, "Access denied"),
            ("/opensearch_desc.php", opensearch, ""),
            (description, 200, "<OpenSearchDescription"),
            ("/mw-config/index.php", 200, &installation),
        ];
        for wiki in WIKIS {
            for (uri, status, text) in entry_points {
                let answer = web.get(&wiki.host(), uri);
                assert!(answer.status == status && answer.body.contains(text), "{}{uri}: {answer:?}", wiki.id);
                if status == 308 {
                    assert_eq!(answer.location(), Some(description), "{answer:?}");
                }
            }
        }
    }

    /// All wikis list what is installed in the tree, whichever of it they load.
    fn libraries(&self, web: &Web) {
        let expected = self.farm.libraries();
        assert!(expected.len() > 60, "{expected:?}");
        for wiki in WIKIS {
            let asked = "/api.php?action=query&meta=siteinfo&siprop=libraries&format=json&formatversion=2";
            let listed = web.json(&wiki.host(), asked);
            let listed = listed["query"]["libraries"].as_array().expect("a list").iter();
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let mut listed: Vec<_> =
                listed.map(|library| (text(&library["name"]), text(&library["version"]))).collect();
            listed.sort();
            assert_eq!(listed, expected, "{}", wiki.id);

            let page = web.get(&wiki.host(), "/index.php?title=Special:Version");
            assert_eq!(page.status, 200, "{page:?}");
            for (name, _) in &expected {
                assert!(page.body.contains(&format!(">{name}</a>")), "{}: Special:Version has no {name}", wiki.id);
            }
        }
    }

    fn classes_on_the_command_line(&self) {
        let scripts: &[&[&str]] = match self.version {
            "1.39" => &[&["maintenance/eval.php"]],
            _ => &[&["maintenance/eval.php"], &["maintenance/run.php", "eval"]],
        };
        for wiki in WIKIS {
            let (together, url) = (format!("--wiki={}", wiki.id), format!("http://{}:{}", wiki.host(), self.farm.port));
            let server = format!("--server={url}");
            let ways: [&[&str]; 4] = [&["--wiki", wiki.id], &[&together], &["--server", &url], &[&server]];
            for script in scripts {
                for way in ways {
                    let seen = self.farm.evaluated(&[script, way].concat(), &[]);
                    assert_eq!(seen, (wiki.id.to_owned(), wiki.classes), "{script:?} {way:?}");
                }
                let environment = [("MWFARM_WIKI", wiki.id), ("MW_WIKI", wiki.id)];
                assert_eq!(self.farm.evaluated(script, &environment), (wiki.id.to_owned(), wiki.classes));
            }
            let probed = self.farm.run(&["probe.php"], &[("PROBE_WIKI", wiki.id)], "");
            let seen: Value = serde_json::from_str(&probed.printed).unwrap_or_else(|_| panic!("{probed:?}"));
            assert_eq!(seen, expected_probe(wiki.id, wiki.classes), "MW_WIKI_NAME");
        }
        // A library at work for its extension.
        let normalised = "echo MediaWiki\\Extension\\AbuseFilter\\AbuseFilterServices::getRuleCheckerFactory()\
                          ->newRuleChecker()->evaluateExpression( 'ccnorm( \"5P4M\" )' );\n";
        let seen = self.farm.run(&["maintenance/eval.php", "--wiki", "one"], &[], normalised);
        assert!(seen.code == Some(0) && seen.printed.contains("SPAM"), "{seen:?}");
    }

    fn maintenance_scripts(&self) {
        let scripts: &[&[&str]] = match self.version {
            "1.39" => &[&["maintenance/showSiteStats.php"]],
            _ => &[&["maintenance/showSiteStats.php"], &["maintenance/run.php", "showSiteStats"]],
        };
        for script in scripts {
            for wiki in WIKIS {
                let ended = self.farm.run(&[script, &["--wiki", wiki.id][..]].concat(), &[], "");
                assert!(ended.code == Some(0) && ended.printed.contains("Total pages       : 1"), "{ended:?}");
            }
            let ended = self.farm.run(&[script, &["--wiki", "nosuch"][..]].concat(), &[], "");
            assert_eq!((ended.code, ended.printed.as_str()), (Some(1), "no such wiki\n"));
        }
        // Jobs run in a process of the wiki, and MediaWiki's own calls of itself find it, too.
        let ended = self.farm.run(&["maintenance/runJobs.php", "--wiki", "one", "--maxjobs", "1"], &[], "");
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let code = "$command = MediaWiki\\Shell\\Shell::makeScriptCommand( MW_INSTALL_PATH . '/maintenance/showSiteStats.php', \
                    [ '--wiki', 'two' ] ); echo $command->execute()->getStdout();\n";
        let ended = self.farm.run(&["maintenance/eval.php", "--wiki", "one"], &[], code);
        assert!(ended.printed.contains("Total pages       : 1"), "{ended:?}");
    }

    /// `update.php` goes no further with a `composer.lock` that does not satisfy `composer.json`; the tree's does.
    fn the_check_of_the_lock(&self) {
        let check = || self.farm.run(&["maintenance/checkComposerLockUpToDate.php", "--wiki", "two"], &[], "");
        assert_eq!(check().code, Some(0), "{:?}", check());
        let lock = self.farm.root().join("composer.lock");
        fs::write(&lock, json!({ "packages": [], "packages-dev": [] }).to_string()).expect("a lock");
        assert!(check().code == Some(1) && check().printed.contains("not installed"), "{:?}", check());
        fs::remove_file(lock).expect("removed");
    }

    /// They get the base, which is enough for them, and end as they do with Composer's autoloader.
    fn programs_without_mediawiki(&self) {
        let css = "a {\n  color: red;\n}\n";
        // What it prints goes to no log: one of its classes is in a package for development.
        let deprecated = ["-d", "display_errors=1", "-d", "log_errors=0", "maintenance/findDeprecated.php"];
        for (arguments, input, text) in [
            (&["vendor/wikimedia/minify/bin/minify", "css"][..], css, "a{color:red}"),
            (&["vendor/wikimedia/less.php/bin/lessc", "-"], css, "color: red"),
            (&deprecated, "", "PhpParser\\NodeVisitorAbstract"),
        ] {
            let ended = self.farm.run(arguments, &[], input);
            assert_eq!(ended, self.farm.run_in_original(arguments, input), "{arguments:?}");
            assert!(ended.printed.contains(text), "{ended:?}");
        }
    }

    /// Composer itself sees the tree as it was.
    fn composer(&self) {
        for arguments in [&["show", "--format=json"][..], &["validate", "--no-check-publish"], &["check-platform-reqs"]]
        {
            let before = self.farm.composer(self.farm.original(), arguments);
            let ended = self.farm.composer(&self.farm.root(), arguments);
            assert!(ended.code.is_some() && ended.printed.len() > 200, "{ended:?}");
            assert_eq!(ended, before, "{arguments:?}");
        }
    }

    /// With the object of the extension `MediaWikiFarm`, its list counts, and its table of dependencies is there.
    fn with_mediawikifarm(&self) {
        let code = "$wgMediaWikiFarm = new class { public function getConfiguration( $key ) { \
                    return $key === 'composer' ? [ 'ExtensionAbuseFilter', 'SkinVector' ] : null; } }; \
                    require 'vendor/autoload.php'; echo json_encode( [ class_exists( 'Wikimedia\\Equivset\\Equivset' ), \
                    class_exists( 'jakobo\\HOTP\\HOTP' ), interface_exists( 'Psr\\Log\\LoggerInterface' ) ] );";
        let ended = self.farm.run(&["-r", code], &[("MW_WIKI", "two")], "");
        assert_eq!(ended.printed, "[true,false,true]");
        let ended = self.farm.run(&["-r", "echo json_encode( require 'vendor/MediaWikiExtensions.php' );"], &[], "");
        let table: Value = serde_json::from_str(&ended.printed).unwrap_or_else(|_| panic!("{ended:?}"));
        assert!(table.is_object() || table.is_array(), "{table}");
    }

    /// From here on, the farm's settings leave it to mwfarm what each wiki turns on.
    fn load_extensions_by_the_farm(&self) {
        let path: PathBuf = self.farm.root().join("LocalSettings.php");
        let settings = fs::read_to_string(&path).expect("the settings");
        let own = |line: &&str| !line.contains("wfLoadSkin") && !line.contains("wfLoadExtension");
        let mut kept: Vec<&str> = settings.lines().filter(own).collect();
        assert_eq!(settings.lines().count(), kept.len() + 3, "{settings}");
        kept.push("require_once \"$IP/vendor/mwfarm_extensions.php\";");
        kept.push("if ( MwFarm\\Extensions::wiki() !== $farmWiki ) { exit( 'another wiki' ); }");
        kept.push("foreach ( MwFarm\\Extensions::load() as $file ) { require_once $file; }");
        fs::write(&path, kept.join("\n")).expect("the settings");
    }
}

/// Each wiki answers with its own name, extensions and markup.
fn pages(web: &Web, wikis: &[Wiki]) {
    for wiki in wikis {
        let host = wiki.host();
        let page = web.get(&host, "/index.php?title=Main_Page");
        assert_eq!(page.status, 200, "{page:?}");
        assert!(page.body.contains(&format!("<title>Wiki {}</title>", wiki.id)), "{page:?}");

        let asked = "/api.php?action=query&meta=siteinfo&siprop=general%7Cextensions&format=json&formatversion=2";
        let info = &web.json(&host, asked)["query"];
        assert_eq!(info["general"]["wikiid"], wiki.id);
        let mut names: Vec<&str> = info["extensions"].as_array().expect("a list").iter().map(name).collect();
        names.sort_unstable();
        assert_eq!(names, wiki.names, "{host}");

        let (wikitext, html) = wiki.page;
        let text = wikitext.bytes().fold(String::new(), |text, byte| format!("{text}%{byte:02X}"));
        let asked = format!("/api.php?action=parse&contentmodel=wikitext&format=json&formatversion=2&text={text}");
        let parsed = &web.json(&host, &asked)["parse"]["text"];
        assert!(parsed.as_str().unwrap_or_default().contains(html), "{host}: {parsed}");
    }
}

/// A wiki has the classes and the packages of its extensions, and not those of the other wikis.
fn classes_on_the_web(web: &Web) {
    // Twice: the same worker serves one wiki after the other.
    for wiki in WIKIS.iter().chain(&WIKIS) {
        assert_eq!(web.json(&wiki.host(), "/probe.php"), expected_probe(wiki.id, wiki.classes), "{}", wiki.id);
    }
}

/// The farm's own settings refuse them; the dispatcher gives them the base, and the installer to administrators.
fn hosts_without_a_wiki(web: &Web) {
    for host in ["nosuch.localhost", "localhost", "one.localhost.example.org.", "..%2f", "one\\localhost"] {
        let answer = web.get(host, "/mw-config/index.php");
        assert!(answer.status == 200 && answer.body.contains("<title>MediaWiki "), "{host}: {answer:?}");
    }
    let answer = web.get("nosuch.localhost", "/index.php");
    assert!(answer.status == 404 && answer.body == "no such wiki\n", "{answer:?}");
}

/// The server may say which wiki it is, whatever the host.
fn parameters_of_the_server(web: &Web) {
    let asked = web.get_with("three.localhost", "/probe.php", &[("MWFARM_WIKI", "one")]);
    let seen: Value = serde_json::from_str(&asked.body).expect("JSON");
    assert_eq!(seen, expected_probe("three", WIKIS[0].classes));
}

fn name(extension: &Value) -> &str {
    extension["name"].as_str().unwrap_or_default()
}

/// What `probe.php` is to say: MediaWiki's autoloader comes first, as core asks for, then one loader and one bundle.
fn expected_probe(id: &str, classes: [bool; 3]) -> Value {
    json!({
        "database": id,
        "site": format!("Wiki {id}"),
        "classes": classes,
        "packages": classes,
        "loaders": true,
        "functions": ["AutoLoader::autoload", "Composer\\Autoload\\ClassLoader::loadClass"],
        "bundles": 1,
        "globals": [],
    })
}
