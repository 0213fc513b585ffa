//! Farms that mean harm, clash, or are large.

use super::*;

fn farm(name: &str, server: &str, id: &str) -> String {
    format!("{name}: {{server: '{server}', suffix: wiki, wikiID: {id}}}\n")
}

#[test]
fn what_is_used_twice_is_an_error_and_the_first_one_stays() {
    Case::new(&(farm("f", "a", "awiki") + &farm("g", "b", "awiki")))
        .finds(&["error g.wikiID: the wikiID `awiki` is used twice, first by the farm `f` [awiki]"], &["awiki a"]);
    Case::new(&(farm("f", "a", "awiki") + &farm("g", "[ab]", "bwiki"))).finds(
        &["error g.server: the host `a` is used twice, first by the wiki `awiki` of `f` [bwiki]"],
        &["awiki a", "bwiki b"],
    );
    // A pattern without path has all paths.
    Case::new(&(farm("f", "a", "awiki") + &farm("g", "a/b", "bwiki"))).finds(
        &["warning g.server: the host `a/b` is one of `f` too, which is tried first and has no wiki there [bwiki]"],
        &["awiki a"],
    );
    Case::new(&(farm("f", "a/b", "bwiki") + &farm("g", "a", "awiki"))).wikis(&["awiki a", "bwiki a/b"]);
    let data = farm("f", "a", "awiki").replace('}', ", data: /srv//x/}")
        + &farm("g", "b", "bwiki").replace('}', ", data: /srv/./x}");
    Case::new(&data)
        .finds(&["error g.data: the data directory `/srv/x` is that of the wiki `awiki` too [bwiki]"], &["awiki a"]);
    // Two readings of one wikiID.
    Case::new(
        "f:\n  server: '(?<a>[a-z]+)\\.(?<b>[a-z]+)'\n  variables: [{variable: a, values: [x, xy]}, \
         {variable: b, values: [yz, z]}]\n  suffix: $b\n  wikiID: $a$b\n",
    )
    .finds(
        &["error f.wikiID: the wikiID `xyz` is used twice, the second time where `a` is `xy`, `b` is `z` [xyz]"],
        &["xyyz xy.yz", "xyz x.yz", "xz x.z"],
    );
    // Two readings of one host: the pattern's own is the one that counts.
    Case::new(
        "f:\n  server: '(?<a>[a-z-]+)-(?<b>[a-z-]+)'\n  variables: [{variable: a, values: [x, x-y]}, \
         {variable: b, values: [y-z, z]}]\n  suffix: $b\n  wikiID: $FARM$a$b\n",
    )
    .finds(
        &[
            "warning f.server: reads `x-y-z` otherwise than that `a` is `x`, `b` is `y-z`",
            "warning f.server: reads `x-y-y-z` otherwise than that `a` is `x-y`, `b` is `y-z`",
        ],
        &["fx-yz x-y-z", "fxz x-z"],
    );
}

#[test]
fn a_wiki_is_the_same_at_all_its_hosts() {
    let main = "f:\n  server: '(?<env>dev|prod)\\.(?<w>[a-z]+)'\n  variables: [{variable: w, values: [a]}]\n  \
                suffix: wiki\n  wikiID: $wwiki\n  data: /srv/$w\n";
    Case::new(main).wikis(&["awiki dev.a prod.a"]);
    Case::new(&main.replace("/srv/$w", "/srv/$env"))
        .finds(&["error f.data: differs between the hosts of one wiki (`dev.a`, `prod.a`) [awiki]"], &["awiki dev.a"]);
    Case::new(&main.replace("/srv/$w", "/srv/$SERVER")).wikis(&["awiki dev.a prod.a"]);
}

#[test]
fn identifiers_keep_their_form() {
    for (suffix, id, message) in [
        ("wiki", "Awiki", "f.wikiID: wiki `Awiki` must be 1 to 63 of a-z"),
        ("wiki", "../wiki", "f.wikiID: wiki `../wiki` must be"),
        ("wiki", "a'.phpinfo().'wiki", "f.wikiID: wiki `a\\'.phpinfo().\\'wiki` must be"),
        ("wiki", "a", "f.suffix: `wiki` is not the end of the wikiID `a` [a]"),
        ("t", "default", "f.suffix: `default` names neither a wiki nor a suffix"),
        ("", "a", "f.suffix: is empty"),
    ] {
        let main = serde_json::json!({"f": {"server": "a", "suffix": suffix, "wikiID": id}}).to_string();
        Case::new(&main).finds(&[&format!("error {message}")], &[]);
    }
    // Values are no templates and no paths.
    let case = |values: &str| {
        Case::new(&format!(
            "f:\n  server: 'h/(?<w>.+)'\n  variables: [{{variable: w, values: {values}}}]\n  suffix: wiki\n  wikiID: wiki\n  \
             config: [{{file: $w.yml, key: default}}]\n  data: /srv/$w\n"
        ))
    };
    case("['$WIKIID']").finds(&["warning f.variables[0].values[0]: `$WIKIID` is no value"], &[]);
    case("['../x']").finds(&["error f.variables[0].values[0]: host `h/../x` has a path"], &[]);
    case("[\"a\\0b\"]").finds(&["warning f.variables[0].values[0]: `a\\0b` is no value"], &[]);
    let text = serde_json::json!({"f": {"server": "a", "suffix": "wiki\u{0}", "wikiID": "a\u{1b}wiki"}}).to_string();
    Case::new(&text).finds(&["error f.suffix: has control characters", "error f.wikiID: has control characters"], &[]);
}

#[test]
fn products_have_a_limit() {
    let values: Vec<String> = (0..1001).map(|i| format!("v{i}")).collect();
    let list = format!("[{}]", values.join(", "));
    Case::new(&format!(
        "f:\n  server: '(?<a>[a-z0-9]+)\\.(?<b>[a-z0-9]+)'\n  variables: [{{variable: a, values: {list}}}, {{variable: b, values: {list}}}]\n  suffix: wiki\n  wikiID: $a-$b-wiki\n"
    ))
    .finds(&["error f.variables: has more than 1000000 combinations of values"], &[]);
    // Too many ways of writing one host: it is no host that can be enumerated.
    Case::new("f: {server: '[a-z]{3}', suffix: wiki, wikiID: wiki}\n").finds(
        &["warning f.server: has hosts that cannot be enumerated, because there is no list of its parts"],
        &["wiki"],
    );
    let optional = format!("f: {{server: '{}b', suffix: wiki, wikiID: wiki}}\n", "(a?)".repeat(40));
    Case::new(&optional).finds(&["warning f.server: has hosts that cannot be enumerated"], &["wiki"]);
}

#[test]
fn ten_thousand_wikis_are_enumerated_in_time() {
    let languages: Vec<String> = (0..1000).map(|i| format!("l{i}")).collect();
    let families = "[a, b, c, d, e, f, g, h, i, j]";
    let config: Vec<String> = (0..40).map(|i| format!("{{file: '$family-{i}.yml', key: '*$family'}}")).collect();
    let main = format!(
        "f:\n  server: '(www\\.)?(?<lang>[a-z0-9-]+)\\.(?<family>[a-z]+)\\.org'\n  variables:\n  \
         - {{variable: lang, file: '$family.yml'}}\n  - {{variable: family, values: {families}}}\n  suffix: $family\n  \
         wikiID: $lang$family\n  data: /srv/$family/$lang\n  config: [{}]\n\
         r:\n  server: '(?<lang>[a-z0-9-]+)\\.(?<family>[a-z]+)\\.com'\n  redirect: $lang.$family.org\n",
        config.join(", ")
    );
    let mut case = Case::new(&main);
    for family in "abcdefghij".chars() {
        case = case.file(&format!("{family}.yml"), &format!("[{}]", languages.join(", ")));
    }
    let started = std::time::Instant::now();
    let found = case.run();
    assert_eq!(found.messages(), [""; 0]);
    assert_eq!(found.wikis.len(), 10_000);
    assert_eq!(found.wiki("l7c").hosts.len(), 3);
    // A release takes a twentieth of it.
    assert!(started.elapsed().as_secs() < 120, "{:?}", started.elapsed());
}

proptest::proptest! {
    #[test]
    fn no_pattern_panics_and_what_is_enumerated_is_matched(
        server in "(\\(\\?<w>\\[a-z\\]\\+\\))?(a|b|\\.|\\[ab\\]|\\(a\\|b\\)|\\?|/|\\^|\\$|\\\\b|\\(|\\)|\\{1,2\\}|\\[|\\]|\\\\|\\||\\*){0,12}"
    ) {
        let main = serde_json::json!({"f": {
            "server": server, "suffix": "x", "wikiID": "x", "variables": [{"variable": "w", "values": ["a", "ab"]}],
        }});
        let found = Case::new(&main.to_string()).run();
        if let Ok(parsed) = server::Server::parse(&server) {
            for host in found.wikis.iter().flat_map(|wiki| &wiki.hosts) {
                proptest::prop_assert!(parsed.matches(host.as_str()), "{}", host);
            }
        }
    }
}
