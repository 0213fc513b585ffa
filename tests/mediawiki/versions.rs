//! Farms from `farms.yml`: several versions of MediaWiki at once, and one.

mod farm;


use std::fs;

use mwfarm::fastcgi::Response;

use crate::fpm::{Pool, Settings};
use farm::{Farm, INFO, WIKIS, Wiki, info, page, wiki};

/// What PHP 8.2 says of MediaWiki 1.39 also without a farm.
const OWN_COMPLAINTS: [&str; 2] = ["objectcache/BagOStuff.php on line ", "maintenance/showSiteStats.php on line "];

/// A farm and what serves it, with what PHP said.
struct Served<'f> {
    farm: &'f Farm,
    directory: &'static str,
    pool: Pool,
}

impl<'f> Served<'f> {
    /// Serves entry points in a directory of the farm. All workers see changes of files at once.
    fn new(farm: &'f Farm, directory: &'static str) -> Self {
        let settings = Settings::new(1).ini("opcache.revalidate_freq", "0").ini("error_log", "");
        Self { farm, directory, pool: Pool::start(&settings) }
    }

    /// Asks a host for a path. PHP must not complain.
    #[track_caller]
    fn ask(&self, host: &str, uri: &str) -> Response {
        let response = Farm::try_ask(&self.farm.path(self.directory), self.pool.address(), host, uri);
        let response = response.unwrap_or_else(|error| panic!("{error}\n{}", self.pool.log()));
        assert_eq!(complaints(&response), Vec::<String>::new(), "{host}{uri}");
        response
    }

    /// Asks a wiki for a path, and expects a status.
    #[track_caller]
    fn expect(&self, wiki: &Wiki, status: u16, uri: &str, text: &str) {
        let uri = format!("{}{uri}", wiki.path);
        let response = self.ask(wiki.host, &uri);
        let body = String::from_utf8_lossy(&response.body);
        assert!(response.status == status && body.contains(text), "{}{uri}: {} {body}", wiki.host, response.status);
    }

    /// The wiki answers as itself with this version: its page, its API with its extensions, its markup.
    #[track_caller]
    fn is_itself(&self, wiki: &Wiki, version: &str, release: &str) {
        let place = format!("{} {version}", wiki.id);
        let index = self.ask(wiki.host, &format!("{}/index.php?title=Main_Page", wiki.path));
        assert_eq!(index.status, 200, "{}", String::from_utf8_lossy(&index.body));
        assert_eq!(page(&index), [wiki.site, release, &place]);

        let general = self.ask(wiki.host, &format!("{}{INFO}", wiki.path));
        let (said, extensions) = info(&general).expect("JSON");
        assert_eq!(said, [wiki.site, release, &place]);
        assert_eq!(extensions, wiki.extensions, "{}", wiki.id);

        let (wikitext, html) = wiki.page;
        let text = wikitext.bytes().fold(String::new(), |text, byte| format!("{text}%{byte:02X}"));
        let html = serde_json::to_string(html).expect("JSON");
        let parse = "/api.php?action=parse&contentmodel=wikitext&format=json&formatversion=2&utf8=1&text=";
        self.expect(wiki, 200, &format!("{parse}{text}"), html.trim_matches('"'));
    }
}

/// PHP's messages to a request.
fn complaints(response: &Response) -> Vec<String> {
    let said = String::from_utf8_lossy(&response.stderr);
    let own = |line: &&str| OWN_COMPLAINTS.iter().any(|place| line.contains(place));
    said.lines().filter(|line| line.contains("PHP ") && !own(line)).map(str::to_owned).collect()
}

/// MediaWiki's own name for a version.
fn release(farm: &Farm, tree: &str) -> String {
    let defines = fs::read_to_string(farm.path(tree).join("includes/Defines.php")).expect("a file");
    farm::between(&defines, "'MW_VERSION', '", "'").expect("a version").to_owned()
}

#[test]
fn two_versions_of_mediawiki_answer_at_once() {
    let farm = Farm::of_versions();
    farm.expect(0, &["config", "check"]);
    farm.expect(0, &["build"]);
    let updated = farm.expect(0, &["run", "update", "--all"]);
    assert_eq!(updated, "4 wikis updated, 0 failed\n");

    let served = Served::new(&farm, "output/www");
    let releases = [release(&farm, "code/1.39"), release(&farm, "code/1.43")];
    let of = |wiki: &Wiki| if wiki.version == "1.39" { &releases[0] } else { &releases[1] };
    // Twice: the one worker serves one wiki after the other.
    for wiki in WIKIS.iter().chain(&WIKIS) {
        served.is_itself(wiki, wiki.version, of(wiki));
    }
    every_entry_point(&served, &of);
    hosts(&served, &of);
    nowhere(&served);
    settings(&served);
    scripts(&farm, &of);
    lists(&farm);
    one_broken_wiki(&served, &of);
}

/// The entry points of MediaWiki, each for a wiki of each version and for the one below a path.
fn every_entry_point<'r>(served: &Served<'_>, release: &dyn Fn(&Wiki) -> &'r String) {
    for id in ["enbooks", "worldmaps", "admindocs"] {
        let wiki = wiki(id);
        let startup = "/load.php?modules=startup&only=scripts&raw=1&lang=en&skin=vector";
        served.expect(&wiki, 200, startup, &format!("\"wgVersion\":\"{}\"", release(&wiki)));
        let styles = "/load.php?modules=skins.vector.styles&only=styles&lang=en&skin=vector";
        served.expect(&wiki, 200, styles, ".mw-body");
        served.expect(&wiki, 200, "/rest.php/v1/page/Main_Page", "\"content_model\":\"wikitext\"");
        served.expect(&wiki, 404, "/rest.php/v1/page/No_such_page", "\"httpCode\":404");
        served.expect(&wiki, 404, "/index.php?title=No_such_page", "There is currently no text in this page");
        served.expect(&wiki, 404, "/thumb.php?f=No_such.png&width=100", "No_such.png");
        served.expect(&wiki, 403, "/img_auth.php/0/00/No_such.png", "Access denied");
    }
}

/// Hosts as clients write them.
fn hosts<'r>(served: &Served<'_>, release: &dyn Fn(&Wiki) -> &'r String) {
    let books = wiki("enbooks");
    for host in ["en.books.localhost:8080", "EN.Books.LocalHost", "en.books.localhost.", "En.books.localhost.:443"] {
        served.is_itself(&Wiki { host, ..books }, "1.39", release(&books));
    }
    let docs = wiki("admindocs");
    served.is_itself(&Wiki { host: "LOCALHOST:8080", ..docs }, "1.43", release(&docs));
}

/// Hosts and paths without a wiki.
fn nowhere(served: &Served<'_>) {
    let asked = |host: &str, uri: &str| {
        let response = served.ask(host, uri);
        (response.status, String::from_utf8_lossy(&response.body).into_owned())
    };
    let nothing = (404, "There is no wiki here.\n".to_owned());
    for (host, uri) in [
        ("maps.localhost.example.org", "/index.php"),
        ("atlas.localhost", "/index.php"),
        ("localhost", "/index.php"),
        ("localhost", "/user/index.php"),
        ("localhost", "/Admin/index.php"),
        ("localhost", "/administration/index.php"),
        ("en.books.localhost/../..", "/index.php"),
        ("en.books.localhost\0", "/index.php"),
        ("en-books.localhost", "/index.php"),
        ("", "/index.php"),
        (":", "/index.php"),
        ("enbooks", "/index.php"),
    ] {
        assert_eq!(asked(host, uri), nothing, "{host}{uri}");
    }
    // The farm's own page, for pages only.
    let missing = (404, "<h1>No books at de.books.localhost</h1>".to_owned());
    assert_eq!(asked("de.books.localhost", "/index.php?title=X"), missing);
    for uri in [INFO, "/load.php?modules=startup", "/rest.php/v1/page/Main_Page"] {
        assert_eq!(asked("de.books.localhost", uri), nothing, "{uri}");
    }
}

/// Settings of each plane arrive in MediaWiki.
fn settings(served: &Served<'_>) {
    let asked = "/api.php?action=query&meta=siteinfo&siprop=general%7Cnamespaces%7Cusergroups&format=json&formatversion=2";
    let general = |id: &str| -> serde_json::Value {
        let wiki = wiki(id);
        let response = served.ask(wiki.host, &format!("{}{asked}", wiki.path));
        serde_json::from_slice::<serde_json::Value>(&response.body).expect("JSON")["query"].take()
    };
    let (english, french, maps, docs) = (general("enbooks"), general("frbooks"), general("worldmaps"), general("admindocs"));
    let lang = |query: &serde_json::Value| query["general"]["lang"].as_str().unwrap_or_default().to_owned();
    assert_eq!([&english, &french, &maps].map(lang), ["en", "fr", "en"]);
    assert_eq!((&french["general"]["timezone"], &maps["general"]["timezone"]), (&"Europe/Paris".into(), &"UTC".into()));
    assert_eq!(docs["general"]["server"], "http://localhost");
    assert_eq!(docs["general"]["scriptpath"], "/admin");
    assert_eq!(docs["general"]["wikiid"], "admindocs");
    assert_eq!(maps["namespaces"]["3000"]["name"], "Map");
    assert!(docs["namespaces"]["3000"].is_null() && english["namespaces"]["3000"].is_null());
    for query in [&english, &french, &maps, &docs] {
        let groups = query["usergroups"].as_array().expect("a list");
        let rights = |name: &str| groups.iter().find(|group| group["name"] == name).expect("a group")["rights"].clone();
        let has = |name: &str, right: &str| rights(name).as_array().expect("a list").iter().any(|one| one == right);
        assert!(has("*", "read") && !has("*", "createaccount") && has("sysop", "createaccount"), "{groups:?}");
    }
}

/// Maintenance scripts run for the wiki that is named, on its version, and their exit code is passed on.
fn scripts<'r>(farm: &Farm, release: &dyn Fn(&Wiki) -> &'r String) {
    for wiki in WIKIS {
        let host = format!("{}{}", wiki.host, wiki.path);
        for name in [wiki.id, &host] {
            let said = farm.expect(0, &["run", "showSiteStats", &format!("--wiki={name}")]);
            assert!(said.contains("Total pages       : 1"), "{said}");
        }
        let said = farm.expect(0, &["run", "maintenance/version.php", "--wiki", wiki.id]);
        assert!(said.contains(&format!("MediaWiki version: {} ", release(&wiki))), "{said}");
        for code in [0, 7, 255] {
            let said = farm.refused(code, &["run", "exitWith.php", "--wiki", wiki.id, "--", &code.to_string()]);
            assert_eq!(said, format!("It is {}\n", wiki.id));
        }
    }
    for (arguments, expected) in [
        (&["run", "showSiteStats", "--wiki=debooks"][..], "`debooks`"),
        (&["run", "showSiteStats", "--wiki=de.books.localhost"], "`de.books.localhost`"),
        (&["run", "noSuchScript", "--wiki=enbooks"], "`noSuchScript`"),
        (&["run", "../exitWith", "--wiki=enbooks"], "`../exitWith`"),
        (&["run", "showSiteStats"], "--wiki"),
        (&["run", "showSiteStats", "--all"], "`update`"),
    ] {
        let said = farm.refused(4, arguments);
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
}

/// The list of wikis.
fn lists(farm: &Farm) {
    let json: serde_json::Value = serde_json::from_str(&farm.expect(0, &["wikis", "--format", "json"])).expect("JSON");
    let of = |index: usize| {
        let wiki = &json["wikis"][index];
        [&wiki["id"], &wiki["hosts"][0], &wiki["version"], &wiki["suffix"]].map(|v| v.as_str().expect("text").to_owned())
    };
    assert_eq!(json["wikis"].as_array().map(Vec::len), Some(4));
    assert_eq!(of(0), ["admindocs", "localhost/admin", "1.43", "docs"]);
    assert_eq!(of(1), ["enbooks", "en.books.localhost", "1.39", "books"]);
    assert_eq!(of(2), ["frbooks", "fr.books.localhost", "1.39", "books"]);
    assert_eq!(of(3), ["worldmaps", "maps.localhost", "1.43", "maps"]);
    assert_eq!(json["wikis"][2]["extensions"], serde_json::json!(["extensions/Cite", "extensions/Poem", "skins/Vector"]));
}

/// A wiki whose settings cannot be read goes on as it was, and the others get theirs.
fn one_broken_wiki<'r>(served: &Served<'_>, release: &dyn Fn(&Wiki) -> &'r String) {
    let farm = served.farm;
    let names = fs::read_to_string(farm.path("config/settings/wikis.yml")).expect("a file");
    let changed = names.replace("English books", "Books").replace("Maps of the world", "Atlas");
    farm.write("config/settings/wikis.yml", &changed);
    farm.write("config/settings/maps.yml", "wgUseExtensionParserFunctions: [true\n");
    let said = farm.refused(5, &["build"]);
    assert!(said.contains("settings/maps.yml:"), "{said}");
    let (books, maps) = (Wiki { site: "Books", ..wiki("enbooks") }, wiki("worldmaps"));
    served.is_itself(&books, "1.39", release(&books));
    served.is_itself(&maps, "1.43", release(&maps));
    for id in ["frbooks", "admindocs"] {
        served.is_itself(&wiki(id), wiki(id).version, release(&wiki(id)));
    }
    let ran = farm.expect(0, &["run", "showSiteStats", "--wiki=worldmaps"]);
    assert!(ran.contains("Total pages       : 1"), "{ran}");
    // The same again: what stayed as it was still does.
    farm.refused(5, &["build"]);
    served.is_itself(&maps, "1.43", release(&maps));

    farm.write("config/settings/maps.yml", "wgUseExtensionParserFunctions: true\n");
    farm.expect(0, &["build"]);
    served.is_itself(&Wiki { site: "Atlas", ..maps }, "1.43", release(&maps));
}
