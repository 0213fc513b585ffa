//! Requests with odd hosts and paths, through PHP-FPM: each gets exactly the wiki of the table, or 404, and PHP has
//! nothing to complain about. (A host with NUL is not among them: PHP-FPM cuts parameters there, and web servers refuse it.)

use super::{Farm, MAIN};
use crate::fpm::{Pool, Settings};

/// FastCGI parameters, and the wiki that answers; none when it is 404.
type Row<'r> = (&'r [(&'r str, &'r str)], Option<&'r str>);

/// A farm of paths behind the one of hosts.
const PATHS: &str = "\
paths:
  server: 'www\\.paths\\.test/(?<wiki>[a-z]+)'
  variables: [{variable: wiki, values: [alpha, beta]}]
  suffix: path
  wikiID: ${wiki}path
  versions: versions.yml
  config:
  - {file: settings.yml, key: '*'}
";

/// A variable without list: which values are wikis is in the list of versions. The hosts of the others cannot be
/// enumerated at all.
const OPEN: &str = "\
open:
  server: '(?<any>[a-z]+)\\.open\\.test'
  suffix: open
  wikiID: $anyopen
  versions: versions.yml
  config:
  - {file: settings.yml, key: '*'}
moved:
  server: '(?<any>[a-z]+)\\.moved\\.test'
  redirect: $any.open.test
wild:
  server: '(?<any>[a-z]+)\\.[a-z]+\\.wild\\.test'
  suffix: wild
  wikiID: $anywild
  versions: versions.yml
  config:
  - {file: settings.yml, key: '*'}
deep:
  server: '(?<any>[a-z]+)\\.[a-z]+\\.deep\\.test/w'
  suffix: deep
  wikiID: $anydeep
  versions: versions.yml
  config:
  - {file: settings.yml, key: '*'}
astray:
  server: '(?<any>[a-z]+)\\.(?<more>[a-z]+)\\.astray\\.test'
  redirect: $any.$more.wild.test
";

/// What answers in the place of MediaWiki: the wiki that was found, by its settings.
const ENTRY: &str = "<?php
$wgInvalidateCacheOnLocalSettingsChange = false;
defined( 'MW_INSTALL_PATH' ) || define( 'MW_INSTALL_PATH', __DIR__ );
require __DIR__ . '/vendor/autoload.php';
require defined( 'MW_CONFIG_FILE' ) ? MW_CONFIG_FILE : __DIR__ . '/LocalSettings.php';
echo \"wiki $wgSitename\";
";

fn settings(ids: &[&str]) -> String {
    let names = ids.iter().map(|id| format!("{id}: {id}"));
    format!("wgSitename: {{default: none, {}}}\n", names.collect::<Vec<_>>().join(", "))
}

/// Asks for everything in the table. `None` is 404.
#[track_caller]
fn check(farm: &Farm, script: &str, table: &[Row<'_>]) {
    let pool = Pool::start(&Settings::new(1));
    let mut wrong = Vec::new();
    for (parameters, expected) in table {
        let response = pool.get(&farm.path(script), parameters);
        let body = String::from_utf8_lossy(&response.body);
        let right = match expected {
            Some(wiki) => response.status == 200 && body == format!("wiki {wiki}"),
            None => response.status == 404 && body == "There is no wiki here.\n",
        };
        let said = String::from_utf8_lossy(&response.stderr);
        if !right || !said.is_empty() {
            let shown: Vec<_> =
                parameters.iter().map(|(name, value)| (name, value.chars().take(80).collect::<String>())).collect();
            wrong.push(format!("{shown:?}: {} {body}{said}, expected {expected:?}", response.status));
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), pool.log());
    assert!(!pool.log().contains("PHP "), "{}", pool.log());
}

/// Hosts with the wiki that answers at `/index.php`, for the farm of [`MAIN`].
fn hosts() -> Vec<(String, Option<&'static str>)> {
    let alpha = |host: &str| (host.to_owned(), Some("alphawiki"));
    let none = |host: &str| (host.to_owned(), None);
    vec![
        alpha("alpha.example.org"),
        ("beta.example.org".to_owned(), Some("betawiki")),
        alpha("ALPHA.Example.ORG"),
        alpha("alpha.example.org:80"),
        alpha("alpha.example.org:8443"),
        alpha("alpha.example.org."),
        alpha("alpha.example.org.:443"),
        alpha("alpha.example.org:0000000000000000000000000000080"),
        none("gamma.example.org"),
        none("example.org"),
        none(".example.org"),
        none("alpha.example.org.."),
        none(".alpha.example.org"),
        none("alpha..example.org"),
        none("alpha.example.org:"),
        none("alpha.example.org:80:80"),
        none("alpha.example.org:8o"),
        none("alpha.example.org:-1"),
        none("alpha.example.org:80 "),
        none("alpha.example.org:\u{661}"),
        none("alpha.example.org.evil.test"),
        none("evil.test/alpha.example.org"),
        none("evil.test#alpha.example.org"),
        none("evil.test:80@alpha.example.org"),
        none("alpha.example.org@evil.test"),
        none("xalpha.example.org"),
        none("alpha.example.orgx"),
        none("alpha.example.org%00"),
        none("alpha.example.org/"),
        none("alpha.example.org/../beta"),
        none("alpha.example.org/index.php"),
        none("alpha.example.org?"),
        none("alpha.example.org,beta.example.org"),
        none("alpha.example.org beta.example.org"),
        none(" alpha.example.org"),
        none("alpha.example.org\t"),
        none("alpha.example.org\r\nX: y"),
        none("alpha.example.org\n"),
        none("alpha\u{7f}.example.org"),
        none("al\u{1b}pha.example.org"),
        none("аlpha.example.org"),
        none("alpha.example.org\u{200b}"),
        none("alpha。example。org"),
        none("ALPHA.EXAMPLE.ORG\u{130}"),
        none("xn--lpha-53d.example.org"),
        none("alpha.ex ample.org"),
        none("alpha_example_org"),
        none("alphaXexampleXorg"),
        none("*.example.org"),
        none("(?<wiki>alpha).example.org"),
        none("alphawiki"),
        none("alphapath"),
        none("127.0.0.1"),
        none("[::1]"),
        none("[::1]:80"),
        none("["),
        none("]"),
        none("[:"),
        none(":"),
        none(":80"),
        none("."),
        none(".."),
        none("../alpha.example.org"),
        none("/"),
        none("//alpha.example.org"),
        none("0"),
        none("00"),
        none("-1"),
        none("1e3"),
        none("index"),
        none("'"),
        none("<script>alert(1)</script>"),
        none("php://filter"),
        none(&"a".repeat(10_000)),
        none(&"alpha.example.org".repeat(600)),
        none(&format!("alpha.example.org:{}x", "8".repeat(10_000))),
    ]
}

/// A table of hosts as parameters, with more rows.
#[track_caller]
fn check_hosts(farm: &Farm, script: &str, more: &[Row<'_>]) {
    let hosts = hosts();
    let parameters: Vec<_> = hosts.iter().map(|(host, wiki)| ([("HTTP_HOST", host.as_str())], *wiki)).collect();
    let mut table: Vec<Row<'_>> = parameters.iter().map(|(one, wiki)| (&one[..], *wiki)).collect();
    table.extend_from_slice(more);
    check(farm, script, &table);
}

/// Without versions: the tree's own autoloader finds the wiki.
#[test]
fn hosts_of_a_tree_without_versions() {
    let farm = Farm::new();
    farm.write("etc/settings.yml", settings(&["alphawiki", "betawiki"]));
    farm.write("tree/index.php", ENTRY);
    farm.write("tree/LocalSettings.php", "<?php\nrequire dirname( __DIR__ ) . '/out/LocalSettings.php';\n");
    let ran = farm.run(&["config", "compile"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let more: [(&[(&str, &str)], _); 6] = [
        (&[], None),
        (&[("HTTP_HOST", "")], None),
        (&[("SERVER_NAME", "beta.example.org")], Some("betawiki")),
        (&[("HTTP_HOST", "gamma.example.org"), ("SERVER_NAME", "beta.example.org")], None),
        (&[("HTTP_HOST", "alpha.example.org"), ("HTTP_X_FORWARDED_HOST", "beta.example.org")], Some("alphawiki")),
        (&[("HTTP_HOST", "alpha.example.org"), ("REQUEST_URI", "http://beta.example.org/")], Some("alphawiki")),
    ];
    check_hosts(&farm, "tree/index.php", &more);
}

/// With versions, through `www/index.php`: hosts, paths, and patterns.
#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn hosts_and_paths_of_a_farm_with_versions() {
    let farm = Farm::new();
    farm.tree("code/1.43");
    farm.tree("code/it's $x {$y}");
    for version in ["1.43", "it's $x {$y}"] {
        farm.write(&format!("code/{version}/index.php"), ENTRY);
    }
    farm.write("etc/mwfarm.yml", "code: ../code\noutput: ../out\n");
    let main = MAIN.replace("  data:", "  versions: versions.yml\n  data:");
    farm.write("etc/farms.yml", format!("{main}{}{OPEN}", PATHS.replace("${wiki}path", "$wikipath")));
    farm.write(
        "etc/versions.yml",
        "wiki: '1.43'\nbetawiki: \"it's $x {$y}\"\npath: '1.43'\nknownopen: '1.43'\nknownwild: '1.43'\nknowndeep: '1.43'\notheropen: '1.43'\n",
    );
    farm.write(
        "etc/settings.yml",
        settings(&[
            "alphawiki",
            "betawiki",
            "alphapath",
            "betapath",
            "knownopen",
            "otheropen",
            "knownwild",
            "knowndeep",
        ]),
    );
    let ran = farm.run(&["config", "compile"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);

    let mut table = Vec::new();
    let mut at = |host: &'static str, uri: &'static str, wiki: Option<&'static str>| {
        table.push(([("HTTP_HOST", host), ("REQUEST_URI", uri)], wiki));
    };
    for uri in [
        "",
        "/",
        "/beta",
        "/../beta",
        "//beta.example.org/",
        "?wiki=beta",
        "http://beta.example.org/",
        "*",
        "\0",
        "/%00",
    ] {
        at("alpha.example.org", uri, Some("alphawiki"));
    }
    for uri in [
        "/alpha",
        "/alpha/",
        "/alpha/x",
        "/alpha?x",
        "/alpha#x",
        "/alpha/../beta",
        "/alpha//beta",
        "/alpha/%2e%2e/beta",
        "/alpha/?/beta",
    ] {
        at("www.paths.test", uri, Some("alphapath"));
    }
    at("WWW.paths.test:80", "/beta/index.php", Some("betapath"));
    for uri in [
        "",
        "/",
        "//",
        "//alpha",
        "/./alpha",
        "/../alpha",
        "/x/alpha",
        "/Alpha",
        "/alph%61",
        "/alpha%2f",
        "/alpha%2Fbeta",
        "/alpha%00",
        "/alpha\u{85}",
        "/alphax",
        "/alpha.php",
        "/alpha;x",
        "/alpha\\",
        "/alpha&x",
        "/?/alpha",
        "/#/alpha",
        "?/alpha",
        "alpha",
        "*",
        "http://www.paths.test/alpha",
        "/alphawiki",
        "/gamma",
        "/ alpha",
        "/alpha ",
        "/0",
        "/\u{3b1}lpha",
    ] {
        at("www.paths.test", uri, None);
    }
    at("www.paths.test.", "/alpha", Some("alphapath"));
    at("www.paths.test..", "/alpha", None);
    at("alpha.example.org/x", "/alpha", None);
    at("www.paths.test/alpha", "/alpha", None);
    at("www.paths.test/alpha", "", None);
    at("www.paths.test/alpha", "/", None);

    // What is known of the list of versions is in the table, too.
    for (host, wiki) in
        [("known.open.test", "knownopen"), ("OTHER.open.test.:80", "otheropen"), ("known.moved.test:80", "knownopen")]
    {
        for uri in ["", "/", "/other.open.test", "evil", ".evil.test/", ":80/"] {
            at(host, uri, Some(wiki));
        }
    }
    // Patterns lead to wikis that are known, and to nothing else.
    for host in [
        "known.x.wild.test",
        "KNOWN.y.Wild.test",
        "known.x.wild.test:80",
        "known.x.wild.test.",
        "known.x.astray.test",
        "known.x.astray.test.:80",
    ] {
        for uri in ["", "/", "/other.x.wild.test", "?x", "/%00", "/../x", "//"] {
            at(host, uri, Some("knownwild"));
        }
    }
    for host in [
        "unknown.x.wild.test",
        "alpha.x.wild.test",
        "known.wild.test",
        ".x.wild.test",
        "known.x.wild.test.evil.test",
        "evil.test/known.x.wild.test",
        "known.x.wild.test/",
        "known.x.wild.test/a",
        "known.x.wild.test%00",
        "known.x.wild.test\n",
        "known.x.wild.test..",
        "known.x.wild.test:",
        "known.x.wild.test:80:80",
        "x.known.x.wild.test",
        "known.x.wild.test@evil.test",
        "known.x.wild.test:80@evil.test",
        "$any.x.wild.test",
        "$suffix.x.wild.test",
        "../known.x.wild.test",
        "kn\u{f6}wn.x.wild.test",
        "known。x。wild。test",
        "(known).x.wild.test",
        "unknown.x.astray.test",
        "known.x.astray.test.evil.test",
        "known.x.wild.test.x.astray.test",
        "known.x.wild.test?",
        "known.x.wild.test#",
        "unknown.open.test",
        "alpha.open.test",
        "alphawiki.open.test",
        "open.test",
        ".open.test",
        "known.open.test.evil.test",
        "known.open.test/",
        "known.open.test%00",
        "x.moved.test",
        "known.moved.test.evil.test",
        "[known.x.wild.test]",
        "known.x.wild.tes",
    ] {
        for uri in ["", "/", "/known.x.wild.test/", "t/", "t", ".test/"] {
            at(host, uri, None);
        }
    }
    for uri in ["/w", "/w/", "/w/x", "/w?x", "/w#x"] {
        at("known.x.deep.test", uri, Some("knowndeep"));
        at("known.x.deep.test.:80", uri, Some("knowndeep"));
        at("unknown.x.deep.test", uri, None);
        at("known.x.deep.test/w", uri, None);
    }
    for uri in ["", "/", "//w", "/W", "/wx", "/x/w", "/w%2f", "/%77", "?/w", "#/w", "/../w", "w.evil"] {
        at("known.x.deep.test", uri, None);
        at("known.x.deep.test/w", uri, None);
    }
    at("evil.test", "/known.x.wild.test/", None);
    at("evil.test", "known.x.wild.test/", None);
    at("", "known.x.wild.test/", None);
    at("known.", "x.wild.test/", None);
    at("known.x.wild", ".test/", None);

    let mut more: Vec<Row<'_>> = table.iter().map(|(one, wiki)| (&one[..], *wiki)).collect();
    let long_path = format!("/alpha/{}", "a/".repeat(5000));
    let long = [("HTTP_HOST", "www.paths.test"), ("REQUEST_URI", long_path.as_str())];
    let long_host = format!("{}.x.wild.test", "a".repeat(10_000));
    let long_open = [("HTTP_HOST", long_host.as_str())];
    more.push((&long, Some("alphapath")));
    more.push((&long_open, None));
    more.push((&[], None));
    more.push((&[("HTTP_HOST", "")], None));
    more.push((&[("HTTP_HOST", "gamma.example.org"), ("SERVER_NAME", "beta.example.org")], None));
    more.push((&[("HTTP_HOST", "alpha.example.org"), ("HTTP_MWFARM_WIKI", "betawiki")], Some("alphawiki")));
    more.push((
        &[("HTTP_HOST", "alpha.example.org"), ("QUERY_STRING", "MWFARM_WIKI=betawiki&--wiki=betawiki")],
        Some("alphawiki"),
    ));
    more.push((&[("HTTP_HOST", "alpha.example.org"), ("MWFARM_WIKI", "../betawiki")], None));
    check_hosts(&farm, "out/www/index.php", &more);
}

/// Versions that are no directories of the code directory.
#[test]
fn versions_that_lead_elsewhere() {
    let farm = Farm::new();
    farm.tree("code/1.43");
    farm.write("etc/mwfarm.yml", "code: ../code\noutput: ../out\n");
    farm.write("etc/farms.yml", MAIN.replace("  data:", "  versions: versions.json\n  data:"));
    let surroundings = farm.surroundings();
    for version in [
        "../tree",
        "1.43/../../tree",
        ".",
        "..",
        "",
        "-d",
        ".git",
        "/",
        "1.43/",
        "1.43\0",
        "1.43\n",
        "'.touch(1).'",
        "$wiki",
        "1.44",
        "1.43 ",
    ] {
        farm.write("etc/versions.json", serde_json::json!({"wiki": version}).to_string());
        let ran = farm.run(&["config", "compile"]);
        assert_eq!(ran.code, Some(5), "{version}: {}", ran.err);
        assert!(ran.err.contains("error: versions.json:1: the version `"), "{version}: {}", ran.err);
        assert!(!farm.path("out/LocalSettings/alphawiki.php").exists(), "{version}");
    }
    farm.write("etc/versions.json", "{\"wiki\": \"1.43\"}");
    assert_eq!(farm.run(&["config", "compile"]).code, Some(0));
    farm.write("etc/versions.json", "{}");
    assert_eq!(farm.surroundings().len(), surroundings.len() + 1);
}
