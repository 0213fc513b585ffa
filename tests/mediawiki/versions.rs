//! Farms from `farms.yml`: several versions of MediaWiki at once, and one.

mod farm;
mod gate;
mod load;

use std::fs;
use std::process::{Command, Stdio};
use std::time::Instant;

use mwfarm::fastcgi::Response;

use crate::fpm::{Pool, Settings};
use farm::{Farm, INFO, WIKIS, Wiki, info, page, wiki};
use gate::Gate;
use load::{CLIENTS, Clients, Told};

/// What PHP 8.2 says of MediaWiki also without a farm; the last, when two requests to a wiki on `SQLite` cross.
const OWN_COMPLAINTS: [&str; 3] = [
    "objectcache/BagOStuff.php on line ",
    "maintenance/showSiteStats.php on line ",
    "lockmanager/FSLockManager.php on line ",
];

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
        let begins: String = body.chars().take(4000).collect();
        assert!(response.status == status && body.contains(text), "{}{uri}: {} {begins}", wiki.host, response.status);
    }

    /// The wiki answers as itself with this version: its page, its API with its extensions, its markup.
    #[track_caller]
    fn is_itself(&self, wiki: &Wiki, version: &str, release: &str) {
        let index = self.ask(wiki.host, &format!("{}/index.php?title=Main_Page", wiki.path));
        assert_eq!(index.status, 200, "{}", String::from_utf8_lossy(&index.body));
        assert!(wiki.says(&page(&index), version, release), "{}: {:?}", wiki.id, page(&index));

        let general = self.ask(wiki.host, &format!("{}{INFO}", wiki.path));
        let (said, extensions) = info(&general).expect("JSON");
        assert!(wiki.says(&said, version, release), "{}: {said:?}", wiki.id);
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
    every_entry_point(&served);
    hosts(&served, &of);
    nowhere(&served);
    settings(&served);
    scripts(&farm, &of);
    lists(&farm);
    one_broken_wiki(&served, &of);
}

/// The entry points of MediaWiki, each for a wiki of each version and for the one below a path.
fn every_entry_point(served: &Served<'_>) {
    for id in ["enbooks", "worldmaps", "admindocs"] {
        let wiki = wiki(id);
        let startup = "/load.php?modules=startup&only=scripts&raw=1&lang=en&skin=vector";
        served.expect(&wiki, 200, startup, &format!("mw.loader.addSource({{\"local\":\"{}/load.php\"}})", wiki.path));
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
        ("maps.localhost/../..", "/index.php"),
        ("maps.localhost\t", "/index.php"),
        ("maps.localhost\u{1}", "/index.php"),
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
    let asked =
        "/api.php?action=query&meta=siteinfo&siprop=general%7Cnamespaces%7Cusergroups&format=json&formatversion=2";
    let general = |id: &str| -> serde_json::Value {
        let wiki = wiki(id);
        let response = served.ask(wiki.host, &format!("{}{asked}", wiki.path));
        serde_json::from_slice::<serde_json::Value>(&response.body).expect("JSON")["query"].take()
    };
    let (english, french, maps, docs) =
        (general("enbooks"), general("frbooks"), general("worldmaps"), general("admindocs"));
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
        let said = farm.expect(0, &["run", "version", "--wiki", wiki.id]);
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
        [&wiki["id"], &wiki["hosts"][0], &wiki["version"], &wiki["suffix"]]
            .map(|v| v.as_str().expect("text").to_owned())
    };
    assert_eq!(json["wikis"].as_array().map(Vec::len), Some(4));
    assert_eq!(of(0), ["admindocs", "localhost/admin", "1.43", "docs"]);
    assert_eq!(of(1), ["enbooks", "en.books.localhost", "1.39", "books"]);
    assert_eq!(of(2), ["frbooks", "fr.books.localhost", "1.39", "books"]);
    assert_eq!(of(3), ["worldmaps", "maps.localhost", "1.43", "maps"]);
    assert_eq!(
        json["wikis"][2]["extensions"],
        serde_json::json!(["extensions/Cite", "extensions/Poem", "skins/Vector"])
    );
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

/// A changed version counts when update.php has succeeded with it, and nobody notices but by being told to come back.
#[test]
fn a_wiki_is_upgraded_under_requests() {
    let farm = Farm::of_versions();
    farm.expect(0, &["build"]);
    farm.expect(0, &["run", "update", "--all"]);
    let (old, new) = (release(&farm, "code/1.39"), release(&farm, "code/1.43"));
    under_requests(&farm, &old, &new);

    let served = Served::new(&farm, "output/www");
    served.is_itself(&wiki("enbooks"), "1.43", &new);
    updates_that_fail(&served, &old, &new);
    an_update_that_is_killed(&served, &old, &new);
    for id in ["enbooks", "frbooks", "worldmaps", "admindocs"] {
        served.is_itself(&wiki(id), "1.43", &new);
    }
    farm.expect(0, &["config", "check"]);
    assert_eq!(farm.expect(0, &["run", "update", "--all"]), "4 wikis up to date\n");
}

fn under_requests(farm: &Farm, old: &str, new: &str) {
    // It never looks at files again, and is told by each build.
    let pool = Pool::start(&Settings::new(CLIENTS).ini("opcache.validate_timestamps", "0").ini("error_log", ""));
    let options = format!("code: ../code\noutput: ../output\ndrain: 3\ninvalidate: ['{}']\n", pool.address());
    farm.write("config/mwfarm.yml", &options);
    let changing = wiki("enbooks");
    let others = [("frbooks", old), ("worldmaps", new), ("admindocs", new)];
    let others = others.map(|(id, release)| (wiki(id), release.to_owned()));
    let change = [("1.39", old), ("1.43", new)];
    let clients = Clients::new(farm, pool.address().clone(), changing, change, others.to_vec());

    let (mut asked_for, mut begun, mut ended) = (None, None, None);
    let gate = Gate::new(farm, "enbooks");
    let summary = clients.ask_during(|clients| {
        clients.wait_for_rounds();
        asked_for = Some(Instant::now());
        farm.write("config/wikiversions.yml", "default: 1.43\nbooks: 1.39\nenbooks: 1.43\n");
        let said = farm.expect(0, &["build"]);
        assert!(said.contains("1 wiki waits for `mwfarm run update`: enbooks\n"), "{said}");
        clients.wait_for_rounds();
        assert_eq!(farm.in_use("enbooks"), "1.39");

        begun = Some(Instant::now());
        let update = farm.mwfarm(&["run", "update", "--wiki=enbooks", "--", "--quick"]);
        let update = piped(update).spawn().expect("mwfarm runs");
        let open = gate.wait();
        assert_eq!(farm.in_use("enbooks"), "1.39!");
        clients.wait_for_refusals(20);
        clients.wait_for_rounds();
        drop(open);
        let output = update.wait_with_output().expect("mwfarm ends");
        assert!(output.status.success(), "{output:?}");
        ended = Some(Instant::now());
        assert_eq!(farm.in_use("enbooks"), "1.43");
        clients.wait_for_rounds();
    });
    gate.remove();
    let (asked_for, begun, ended) = (asked_for.expect("set"), begun.expect("set"), ended.expect("set"));
    let count = |told: Told, during: &dyn Fn(Instant) -> bool| {
        summary.told.iter().filter(|(when, what)| *what == told && during(*when)).count()
    };
    let before = |when: Instant| when < begun;
    assert_eq!([count(Told::Later, &before), count(Told::New, &before)], [0, 0]);
    assert!(count(Told::Old, &|when| when > asked_for && when < begun) >= CLIENTS);
    let after = |when: Instant| when > ended;
    assert_eq!([count(Told::Old, &after), count(Told::Later, &after)], [0, 0]);
    assert!(count(Told::New, &after) >= CLIENTS);
    let others = 3 * summary.told.len();
    assert!(summary.asked >= others && count(Told::Later, &|when| when > begun && when < ended) >= 20);
    farm.write("config/mwfarm.yml", "code: ../code\noutput: ../output\ndrain: 0\n");
}

/// One that fails leaves its wiki where it was, and does not keep others from theirs.
fn updates_that_fail(served: &Served<'_>, old: &str, new: &str) {
    let farm = served.farm;
    farm.write("config/wikiversions.yml", "default: 1.43\n");
    farm.write("config/settings/maps.yml", "wgUseExtensionParserFunctions: true\nwgUseExtensionLinter: true\n");
    farm.write("config/settings/fails-frbooks-1.43", "");
    let said = farm.expect(0, &["build"]);
    assert!(said.contains("1 wiki waits for `mwfarm run update`: frbooks\n"), "{said}");
    let books = wiki("frbooks");
    let maps = Wiki { extensions: &["Linter", "ParserFunctions", "Vector"], ..wiki("worldmaps") };

    let said = farm.refused(3, &["run", "update", "--wiki=fr.books.localhost", "--", "--quick"]);
    assert_eq!(said, "update.php of frbooks 1.43 is to fail\n");
    assert_eq!(farm.in_use("frbooks"), "1.39");
    served.is_itself(&books, "1.39", old);
    // What else runs for it does so with its own version.
    let said = farm.expect(0, &["run", "version", "--wiki=frbooks"]);
    assert!(said.contains(old), "{said}");

    // The first of the two fails, the second does not.
    let output = farm.mwfarm(&["run", "update", "--all", "-j", "1"]).output().expect("mwfarm runs");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "1 wiki updated, 1 failed\n");
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(complaint.contains("error: update.php of wiki `frbooks` ended with 3"), "{complaint}");
    let log = fs::read_to_string(farm.path("output/updates/frbooks.log")).expect("a log");
    assert!(log.contains("is to fail"), "{log}");
    served.is_itself(&books, "1.39", old);
    served.is_itself(&maps, "1.43", new);
    let asked = "/api.php?action=query&list=linterrors&lntcategories=fostered&format=json&formatversion=2";
    served.expect(&maps, 200, asked, "{\"batchcomplete\":true}");
    farm.write("config/settings/maps.yml", "wgUseExtensionParserFunctions: true\n");
    farm.expect(0, &["build"]);
}

/// One that is killed leaves its wiki in nobody's hands: clients are told to come back, until the next one succeeds.
fn an_update_that_is_killed(served: &Served<'_>, old: &str, new: &str) {
    let farm = served.farm;
    let books = wiki("frbooks");
    fs::remove_file(farm.path("config/settings/fails-frbooks-1.43")).expect("removed");
    served.is_itself(&books, "1.39", old);
    let gate = Gate::new(farm, "frbooks");
    let mut update = piped(farm.mwfarm(&["run", "update", "--wiki=frbooks", "--", "--quick"]));
    let mut update = update.spawn().expect("mwfarm runs");
    let open = gate.wait();
    gate.remove();
    update.kill().expect("killed");
    update.wait().expect("ended");

    let refused = |what: &str| {
        let response = served.ask(books.host, INFO);
        let retry = response.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("retry-after"));
        assert!(response.status == 503 && retry, "{what}: {response:?}");
    };
    refused("killed");
    served.is_itself(&wiki("admindocs"), "1.43", new);
    // update.php itself goes on: no second one may run beside it.
    let said = farm.refused(1, &["run", "update", "--wiki=frbooks", "--", "--quick"]);
    assert!(said.contains("wiki `frbooks` is being updated already"), "{said}");
    farm.expect(0, &["build"]);
    refused("built");
    drop(open);
    // It has said its last word when nobody can write to our pipe any more.
    let output = update.wait_with_output().expect("read to the end");
    assert!(String::from_utf8_lossy(&output.stdout).contains("Done in"), "{output:?}");
    refused("nobody's");

    assert_eq!(farm.expect(0, &["run", "update", "--all"]), "2 wikis updated, 0 failed\n");
    assert_eq!(farm.in_use("frbooks"), "1.43");
}

/// With one MediaWiki, web servers run its own entry points, and its `LocalSettings.php` leads to the farm's.
#[test]
fn one_version_of_mediawiki_finds_its_wikis() {
    let farm = Farm::of_one_version("1.43", ["enbooks", "worldmaps"]);
    farm.expect(0, &["config", "check"]);
    farm.expect(0, &["build"]);
    assert_eq!(farm.expect(0, &["run", "update", "--all"]), "2 wikis updated, 0 failed\n");
    assert_eq!(farm.expect(0, &["run", "update", "--all"]), "2 wikis up to date\n");
    assert!(!farm.path("output/www/index.php").exists());

    let release = release(&farm, "tree");
    let served = Served::new(&farm, "tree");
    let wikis = [wiki("enbooks"), wiki("worldmaps")];
    for wiki in wikis.iter().chain(&wikis) {
        served.is_itself(wiki, "", &release);
        served.expect(wiki, 200, "/load.php?modules=startup&only=scripts&raw=1&lang=en&skin=vector", "mw.loader");
        served.expect(wiki, 200, "/rest.php/v1/page/Main_Page", "\"content_model\":\"wikitext\"");
    }
    served.is_itself(&Wiki { host: "EN.books.localhost.:8080", ..wiki("enbooks") }, "", &release);

    let missing = served.ask("de.books.localhost", "/index.php?title=X");
    assert_eq!((missing.status, &missing.body[..]), (404, &b"<h1>No books at de.books.localhost</h1>"[..]));
    for (host, uri) in [("de.books.localhost", INFO), ("fr.books.localhost", INFO), ("atlas.localhost", "/index.php")] {
        let nothing = served.ask(host, uri);
        assert_eq!((nothing.status, &nothing.body[..]), (404, &b"There is no wiki here.\n"[..]), "{host}{uri}");
    }

    // Scripts by MediaWiki's own means, and by the farm's.
    for wiki in wikis {
        let script = |arguments: &[&str]| {
            let output = Command::new("php").args(arguments).current_dir(farm.path("tree")).output().expect("php runs");
            (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
        };
        let by_url = format!("--server=http://{}", wiki.host);
        for arguments in [
            &["maintenance/showSiteStats.php", "--wiki", wiki.id][..],
            &["maintenance/run.php", "showSiteStats", "--wiki", wiki.id],
            &["maintenance/run.php", "showSiteStats", &by_url],
        ] {
            let (code, said) = script(arguments);
            assert!(code == Some(0) && said.contains("Total pages       : 1"), "{arguments:?}: {code:?} {said}");
        }
        let said = farm.refused(7, &["run", "exitWith", "--wiki", wiki.host, "--", "7"]);
        assert_eq!(said, format!("It is {}\n", wiki.id));
        let nobody = script(&["maintenance/run.php", "showSiteStats", "--wiki", "frbooks"]);
        assert_eq!(nobody, (Some(4), String::new()));
    }
    farm.refused(4, &["run", "showSiteStats", "--wiki=frbooks"]);
}

fn piped(mut command: Command) -> Command {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}
