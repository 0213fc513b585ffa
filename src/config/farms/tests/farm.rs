//! One farm: its pattern, variables, fields.

use super::*;

/// A farm whose hosts are `server`, with one variable `w`.
fn one(server: &str, values: &str) -> Case {
    let quoted = server.replace('\'', "''");
    Case::new(&format!(
        "f:\n  server: '{quoted}'\n  variables: [{{variable: w, values: {values}}}]\n  suffix: fam\n  wikiID: $wfam\n"
    ))
}

#[test]
fn patterns_become_hosts() {
    for (server, values, expected) in [
        (r"(?<w>[a-z]+)\.example\.org", "[a, b]", &["afam a.example.org", "bfam b.example.org"][..]),
        (r"(?P<w>[a-z]+)\.org", "[a]", &["afam a.org"]),
        (r"(?'w'[a-z]+)\.org", "[a]", &["afam a.org"]),
        (r"(?'W'[a-z]{2,12})\.org", "[ab]", &["abfam ab.org"]),
        (r"^(?<w>[a-z]+)\.org$", "[a]", &["afam a.org"]),
        // Upper and lower case of a host do not count.
        (r"(?<w>[A-Z]+)\.Example\.ORG", "[a]", &["afam a.example.org"]),
        // Alternatives are one group, and optional parts are more hosts.
        (r"(www\.)?(?<w>[a-z]+)\.org", "[a]", &["afam a.org www.a.org"]),
        (r"(?:m|www)\.(?<w>[a-z]+)\.org", "[a]", &["afam m.a.org www.a.org"]),
        (r"[xy]{1,2}\.(?<w>[a-z]+)\.org", "[a]", &["afam x.a.org y.a.org xx.a.org xy.a.org yx.a.org yy.a.org"]),
        // Paths.
        (r"example\.org/(?<w>[a-z]+)", "[a]", &["afam example.org/a"]),
        (r"example\.org/(?<w>[a-zA-Z]+)/", "[a]", &["afam example.org/a"]),
        (r"example\.org/wiki/(?<w>[^/]+)/x", "[a]", &["afam example.org/wiki/a/x"]),
        // The first `/` is looked for outside of classes and groups.
        (r"(?<w>[^/]+)\.org", "[a]", &["afam a.org"]),
        (r"x[/\].]x\.(?<w>[^]/]+)\.org/p", "[a]", &["afam x.x.a.org/p"]),
        (r"(?<w>[[:alpha:]/]+)\.org/p", "[a]", &["afam a.org/p"]),
    ] {
        one(server, values).wikis(expected);
    }
    // `a.b` is a host's name, but `a.bfam` is no wiki's.
    one(r"(?<w>.+)\.org", "[a.b, a]").finds(
        &["error f.wikiID: wiki `a.bfam` must be 1 to 63 of a-z, 0-9, `_`, `-`, and begin with a letter or a digit, where `w` is `a.b`"],
        &["afam a.org"],
    );
    // The other alternative does not say which wiki it is.
    one(r"(?<w>[a-z]+)\.a\.org|x\.org", "[a]").finds(
        &["error f.wikiID: has the variable `$w`, which has no value for all hosts of the farm"],
        &["afam a.a.org"],
    );
}

#[test]
fn patterns_that_are_none_are_refused() {
    for (server, reason) in [
        (r"(?<w>[a-z]+", "is no pattern: unclosed group (byte 1)"),
        (r"(?<w>a)(?=b)\.org", "is no pattern: look-around, back references and the like are not supported (byte 8)"),
        (r"(?<w>a)(?<!b)", "is no pattern: look-around"),
        (r"(?<w>a)(?>b)", "is no pattern: look-around"),
        (r"(?<w>a)\1", "is no pattern: look-around"),
        (r"(?<w>a)\k<w>", "is no pattern: unrecognized escape"),
        (r"(?<w>[a-z]++)\.org", "repeats a repetition"),
        (r"(?<w>a)(?<W>b)", "has two groups called `w`; upper and lower case do not count"),
        (r"(?<w>a)/x|(?<v>b)", "has alternatives and a path"),
        (r"example\.org\/(?<w>[a-z]+)", "has a `/` in a group, or one behind a backslash"),
        (r"example\.org(/(?<w>[a-z]+))?", "has a `/` in a group, or one behind a backslash"),
        (r"(?<w>[[a-z]x])", "has a class within a class"),
        (r"(?<w>[a-z&&b])", "has `&&`, `--` or `~~` in a class"),
        (r"(?x)(?<w>a)", "has a flag other than"),
        (r"(?<w.x>a)", "has a group called `w.x`"),
        (r"\<(?<w>a)", "has an anchor that PCRE reads differently"),
        (r"(?<w>[a-z]+)_x\.org", "matches no host"),
        (r"(?<w>é)\.org", "matches no host"),
        (r"(?-i)(?<w>A)\.org", "matches no host"),
        (r"(?<w>(?:(?:a{1000}){1000}){1000})", "is too large"),
    ] {
        one(server, "[a]").finds(&[&format!("error f.server: {reason}")], &[]);
    }
    let deep = format!("{}a{}", "(".repeat(200), ")".repeat(200));
    one(&deep, "[a]").finds(&["error f.server: is no pattern: exceed the maximum number of nested"], &[]);
    one(&"a".repeat(5000), "[a]").finds(&["error f.server: is longer than 4096 bytes"], &[]);
}

#[test]
fn patterns_are_written_for_both_engines() {
    let found = Case::new(
        "f:\n  server: '(www\\.)?(?''Lang''[a-z-]+?)\\.(?<x>\\w{2,})\\.org/(?P<p>[^/]*)'\n  suffix: $lang\n  wikiID: $lang\n",
    )
    .versions(&[])
    .run();
    let matcher = &found.patterns[0].matcher;
    assert_eq!(matcher.host, r"\A(?:(?:www\.)?(?<lang>(?:[\x2da-z])+?)\.(?<x>(?:[0-9a-z]){2,})\.org)\z");
    assert_eq!(matcher.path.as_deref(), Some(r"\A\x2f(?<p>(?:[\x2d-.0-9A-Z_a-z\x7e])*)(?:[/?\x23]|\z)"));
    assert_eq!(matcher.groups, ["lang", "x", "p"]);
    assert_eq!(found.patterns[0].target, Target::Wiki { suffix: "$lang".to_owned(), id: "$lang".to_owned() });
}

#[test]
fn the_page_for_missing_wikis_has_a_pattern_for_php() {
    let main = "f: {server: '(?<w>[a-z]+)\\.org/p', suffix: fam, wikiID: fam, HTTP404: $FARM.html, \
                variables: [{variable: w, values: [a]}]}\n";
    let found = Case::new(main).wikis(&["fam a.org/p"]);
    assert_eq!((found.missing[0].farm.as_str(), found.missing[0].file.as_str()), ("f", "f.html"));
    let pattern = &found.missing[0].pattern;
    assert_eq!(pattern, r"~\A(?:(?<w>(?:[a-z])+)\.org)\.?(?::[0-9]+)?\x2fp(?:[/?\x23]|\z)~");
    let regex = regex::Regex::new(pattern.trim_matches('~')).expect("a pattern");
    for (at, matches) in [("x.org/p", true), ("x.org.:80/p?a", true), ("x.org/pp", false), ("x.org.evil/p", false)] {
        assert_eq!(regex.is_match(at), matches, "{at}");
    }
}

#[test]
fn values_are_compared_as_text() {
    // PHP's `==` lets `1e1` pass for 10; a YAML map is a dictionary whatever its keys are.
    one(r"(?<w>[a-z0-9]+)\.org", "[10, '7', '007', '1e1']").wikis(&[
        "007fam 007.org",
        "10fam 10.org",
        "1e1fam 1e1.org",
        "7fam 7.org",
    ]);
    one(r"(?<w>[a-z0-9]+)\.org", "{0: x, 1: y}").wikis(&["0fam 0.org", "1fam 1.org"]);
    one(r"(?<w>[a-z0-9]+)\.org", "{}").wikis(&[]);
    one(r"(?<w>[a-z0-9]+)\.org", "[a, true, ~, '', [], b, a]").finds(
        &[
            "error f.variables[0].values[1]: is true, not a text",
            "error f.variables[0].values[2]: is null, not a text",
            "error f.variables[0].values[3]: is empty",
            "error f.variables[0].values[4]: is a list, not a text",
            "warning f.variables[0].values[6]: `a` stands there twice",
        ],
        &[],
    );
    one(r"(?<w>[a-z0-9]+)\.org", "[Abc, b_c, ok, -x]").finds(
        &[
            "error f.variables[0].values[0]: `Abc` must be in lower case, as hosts are",
            "warning f.variables[0].values[1]: `b_c` is no value that the group `w` of the farm `f` can have",
            "warning f.variables[0].values[3]: `-x` is no value",
        ],
        &["okfam ok.org"],
    );
    one(r"(?<w>[a-z-]+)\.org", "[-x, ok]")
        .finds(&["error f.variables[0].values[0]: host `-x.org` must be labels"], &["okfam ok.org"]);
}

#[test]
fn variables_are_replaced_in_one_pass() {
    Case::new(
        "f:\n  server: '(?<wiki>[a-z])(?<wiki2>[a-z])\\.org'\n  variables:\n  - {variable: wiki, values: [a]}\n  \
         - {variable: Wiki2, values: [b]}\n  suffix: fam\n  wikiID: $wiki$wiki2fam\n",
    )
    .wikis(&["abfam ab.org"]);
    let found = Case::new(
        "f:\n  server: '(?<lang>[a-z]+)\\.(?<family>[a-z]+)\\.org'\n  variables:\n  \
         - {variable: lang, file: $family.dblist}\n  - {variable: family, values: [wiki, source]}\n  suffix: $family\n  \
         wikiID: $lang$SUFFIX\n  versions: $FARM-versions.yml\n  deployments: deployments\n  \
         data: srv/$family/$lang/$VERSION$DEPLOYMENTS\n  HTTP404: $SERVER.php\n  config:\n  \
         - {file: $WIKIID.yml, key: $WIKIID}\n  - {file: 'x/$DATA/$VERSIONS', key: '*$family', default: $SUFFIX}\n  \
         - {file: $lang.php, executable: true}\n  - {file: all.yml, key: default, executable: false}\n",
    )
    .file("wiki.dblist", "[fr, de]")
    .file("source.dblist", "[en]")
    .finds(
        &["warning f.HTTP404: is not used where there is no wiki, because `$SERVER` has no value there"],
        &["dewiki de.wiki.org", "ensource en.source.org", "frwiki fr.wiki.org"],
    );
    let wiki = found.wiki("frwiki");
    assert_eq!(wiki.suffix, "wiki");
    assert_eq!(wiki.data.as_deref(), Some("srv/wiki/fr/deployments.php"));
    assert_eq!(wiki.not_found.as_deref(), Some("fr.wiki.org.php"));
    assert!(wiki.deployments.is_none() && wiki.version.is_none());
    let entry = |file: &str, scope, index| Entry { file: file.to_owned(), scope, index };
    assert_eq!(
        wiki.config,
        [
            entry("frwiki.yml", Scope::Fixed("frwiki".to_owned()), 0),
            entry(
                "x/srv/wiki/fr/deployments.php/f-versions.yml",
                Scope::Star { before: String::new(), behind: "wiki".to_owned(), default: Some("wiki".to_owned()) },
                1
            ),
            entry("fr.php", Scope::Executable, 2),
            entry("all.yml", Scope::Fixed("default".to_owned()), 3),
        ]
    );
    let variables: Vec<_> = wiki.variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(
        variables,
        [
            "CODE=/srv/mediawiki",
            "DATA=srv/wiki/fr/deployments.php",
            "DEPLOYMENTS=deployments.php",
            "FARM=f",
            "SERVER=fr.wiki.org",
            "SUFFIX=wiki",
            "VERSION=",
            "VERSIONS=f-versions.yml",
            "WIKIID=frwiki",
            "family=wiki",
            "lang=fr",
        ]
    );
    assert!(found.missing.is_empty());
}

#[test]
fn names_that_nothing_sets_are_errors() {
    for (field, message) in [
        ("suffix: $x", "f.suffix: has the variable `$x`, which nothing sets"),
        ("suffix: $W", "f.suffix: has the variable `$W`, which nothing sets"),
        ("suffix: $SUFFIX", "f.suffix: has the variable `$SUFFIX`, which is not set yet when this is read"),
        ("wikiID: $DATA", "f.wikiID: has the variable `$DATA`, which is not set yet"),
        ("versions: $VERSION", "f.versions: has the variable `$VERSION`, which is not set yet"),
        ("data: $DATA", "f.data: has the variable `$DATA`, which is not set yet"),
        ("variables: [{variable: w, file: $SERVER}]", "f.variables[0].file: has the variable `$SERVER`, which is not"),
        ("config: [{file: $x, key: default}]", "f.config[0].file: has the variable `$x`, which nothing sets"),
        (
            "config: [{file: a, key: $DEPLOYMENTS}]",
            "f.config[0].key: has the variable `$DEPLOYMENTS`, which has no value",
        ),
        ("variables: [{variable: w, file: $w.yml}]", "f.variables[0].file: has a variable whose values are not known"),
        ("tags: {x: $CODE}", "f.tags.x: has the variable `$CODE`, which is not set yet"),
    ] {
        let mut lines = vec!["server: '(?<w>[a-z]+)\\.org'", "suffix: fam", "wikiID: $wfam"];
        let key = field.split(':').next().expect("a key");
        lines.retain(|line| !line.starts_with(key));
        let list = "variables: [{variable: w, values: [a]}]";
        if key != "variables" {
            lines.push(list);
        }
        lines.push(field);
        Case::new(&format!("f:\n  {}\n", lines.join("\n  "))).finds(&[&format!("error {message}")], &[]);
    }
}

#[test]
fn tags_are_those_whose_list_has_the_wiki() {
    let found = Case::new(
        "f:\n  server: '(?<w>[a-z]+)\\.org'\n  variables: [{variable: w, values: [a, b]}]\n  suffix: fam\n  \
         wikiID: $wfam\n  tags:\n    big: big.yml\n    small: [bfam]\n    odd: {file: $SUFFIX.yml}\n    \
         all: {values: [bfam, afam]}\n",
    )
    .file("big.yml", "[afam, zfam]")
    .file("fam.yml", "{bfam: x}")
    .wikis(&["afam a.org", "bfam b.org"]);
    assert_eq!(found.wiki("afam").tags, ["big", "all"]);
    assert_eq!(found.wiki("bfam").tags, ["small", "odd", "all"]);

    let tags = "f:\n  server: 'a\\.org'\n  suffix: fam\n  wikiID: afam\n  tags: {afam: [afam], fam: [afam], default: [afam], x: [afam]}\n";
    let found = Case::new(tags).finds(
        &[
            "error f.tags.afam: `afam` is the name of a wiki already",
            "error f.tags.fam: `fam` is the name of a suffix already",
            "error f.tags.default: `default` is the name of the level of all wikis already",
        ],
        &["afam a.org"],
    );
    assert_eq!(found.wiki("afam").tags, ["x"]);
}

#[test]
fn fields_of_the_wrong_type_are_all_told() {
    Case::new(
        "f:\n  server: 'a\\.org'\n  suffix: [x]\n  wikiID: 7\n  versions: true\n  deployments: ''\n  data: {}\n  \
         HTTP404: 404\n  config: {file: a}\n  variables: x\n  tags: [a]\n  unknown: 1\n",
    )
    .finds(
        &[
            "error f.unknown: is no field that is known",
            "error f.suffix: is a list, not a text",
            "error f.wikiID: is an integer, not a text",
            "error f.versions: is true, not a text",
            "error f.deployments: is empty",
            "error f.data: is a map, not a text",
            "error f.HTTP404: is an integer, not a text",
            "error f.variables: is a text, not a list",
            "error f.config: is a map, not a list",
            "error f.tags: is a list, not a map",
        ],
        &[],
    );
    Case::new(
        "f:\n  server: '(?<w>a)\\.org'\n  suffix: fam\n  wikiID: fam\n  config:\n  - x\n  - {}\n  - {file: a}\n  \
         - {file: a, key: b, executable: 1}\n  - {file: a, executable: true, colour: red}\n  \
         variables:\n  - {}\n  - {variable: w, file: 1, values: [a]}\n  - {variable: w}\n  - {variable: w, values: 3}\n  \
         - {variable: v, values: [a]}\n",
    )
    .finds(
        &[
            "error f.variables[0]: has no `variable`",
            "warning f.variables[1].values: is not used, because there is a `file`",
            "error f.variables[1].file: is an integer, not a text",
            "error f.variables[3].values: is an integer, not a list of values or a map",
            "warning f.variables[4].variable: `v` is no group of `server`, and so it has no effect",
            "error f.config[0]: is a text, not a map",
            "error f.config[1]: has no `file`",
            "error f.config[1]: has no `key`",
            "error f.config[2]: has no `key`",
            "error f.config[3].executable: is an integer, not true or false",
            "error f.config[4].colour: is no field that is known",
        ],
        &[],
    );
    Case::new("f: {}\n").finds(&["error f: has no `server`"], &[]);
    Case::new("f: {server: 'a'}\ng: x\n'': {}\n'a b': {}\n").finds(
        &[
            "error f: has no `suffix`",
            "error f: has no `wikiID`",
            "error g: is a text, not a map",
            "error : is no name of a farm",
            "error a b: is no name of a farm",
        ],
        &[],
    );
    for (main, what) in [("{}", "nothing"), ("x", "a text"), ("[a]", "a list"), ("~", "null")] {
        Case::new(main).finds(&[&format!("error : has {what}, not a map from names to farms")], &[]);
    }
}

#[test]
fn keys_of_settings_files() {
    for (entry, message) in [
        ("{file: a, key: 'a*b*'}", "key: `a*b*` is no key"),
        ("{file: a, key: 'a.b'}", "key: `a.b` is no key"),
        ("{file: a, key: 'a/*'}", "key: `a/*` is no key"),
        ("{file: a, key: '(a)'}", "key: `(a)` is no key"),
        ("{file: a, key: '*', default: '*'}", "key: has `default: *`, which names no level"),
        ("{file: ../a, key: default}", "file: `../a` is no plain path inside the configuration directory"),
        ("{file: /etc/a, key: default}", "file: `/etc/a` is no plain path"),
        ("{file: 'a/./b', executable: true}", "file: `a/./b` is no plain path"),
    ] {
        let main = format!("f: {{server: a, suffix: fam, wikiID: fam, config: [{entry}]}}\n");
        Case::new(&main).finds(&[&format!("error f.config[0].{message}")], &[]);
    }
    let found = Case::new(
        "f: {server: a, suffix: fam, wikiID: fam, config: [{file: a, key: x, default: z}, {file: b, key: 12}]}\n",
    )
    .finds(&["warning f.config[0].default: is not used, because there is no star in `key`"], &["fam a"]);
    assert_eq!(found.wikis[0].config[1].scope, Scope::Fixed("12".to_owned()));
}
