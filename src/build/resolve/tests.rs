use super::*;
use crate::build::package::{
    Alias, AutoloadRules, Extension, ExtensionManifest, LoaderSettings, Package, PlatformCheck, Root, RootBlock,
};
use crate::farm::ExtensionId;

fn links(pairs: &[(&str, &str)]) -> Vec<Link> {
    let link = |(target, constraint): &(&str, &str)| Link {
        target: (*target).to_owned(),
        constraint: (*constraint).to_owned(),
        dev: false,
    };
    pairs.iter().map(link).collect()
}

fn package(name: &str, version: &str, require: &[(&str, &str)]) -> Package {
    Package {
        name: name.to_owned(),
        pretty_name: name.to_owned(),
        version: version.to_owned(),
        version_normalized: version::normalize(version).expect("a version"),
        kind: "library".to_owned(),
        reference: None,
        aliases: Vec::new(),
        dev: false,
        install_path: Some(format!("vendor/{name}")),
        target_dir: None,
        require: links(require),
        replace: Vec::new(),
        provide: Vec::new(),
        conflict: Vec::new(),
        autoload: AutoloadRules::default(),
        include_path: Vec::new(),
    }
}

fn directory(id: &str, name: Option<&str>) -> Extension {
    let id = ExtensionId::new(id).expect("an id");
    Extension { id, package: None, composer_name: name.map(str::to_owned), included: false, manifests: Vec::new() }
}

fn part(file: &str, owner: Option<&str>, require: &[(&str, &str)]) -> RootPart {
    let owner = owner.map(|id| ExtensionId::new(id).expect("an id"));
    RootPart { file: file.to_owned(), owner, require: links(require), ..RootPart::default() }
}

fn tree(require: &[(&str, &str)], mut packages: Vec<Package>) -> Tree {
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    Tree {
        root: Root {
            name: "acme/wiki".into(),
            block: RootBlock {
                name: "acme/wiki".into(),
                pretty_version: "1.0.0+no-version-set".into(),
                version: "1.0.0.0".into(),
                reference: None,
                kind: "project".into(),
                install_path: "../../".into(),
                aliases: Vec::new(),
                dev: false,
            },
            parts: vec![part("composer.json", None, require)],
            duplicates: Duplicates::Merge,
        },
        packages,
        absent: Vec::new(),
        extensions: Vec::new(),
        loader: LoaderSettings {
            authoritative: false,
            optimize: false,
            prepend: true,
            use_include_path: false,
            platform_check: PlatformCheck::PhpOnly,
        },
        dev: false,
        platform: BTreeMap::new(),
        mediawiki_version: Some("1.43.9".into()),
        other_root: None,
        warnings: Vec::new(),
    }
}

#[track_caller]
fn unmet(tree: &Tree, expected: &[&str]) {
    let found: Vec<String> = check(tree).unmet.iter().map(ToString::to_string).collect();
    assert_eq!(found, expected);
}

#[test]
fn versions_are_compared_as_composer_does() {
    let found = tree(
        &[("a/a", "^1.2"), ("a/b", "^2.0"), ("a/c", "*")],
        vec![package("a/a", "1.9.0", &[("a/b", "1.*")]), package("a/b", "1.4.3", &[])],
    );
    unmet(
        &found,
        &["`acme/wiki` needs `a/b` ^2.0, but 1.4.3 is locked", "`acme/wiki` needs `a/c` *, but it is not installed"],
    );
}

#[test]
fn an_unmet_requirement_says_where_and_what_to_do() {
    let mut found = tree(&[], vec![package("wikimedia/equivset", "1.4.3", &[])]);
    found.extensions.push(directory("extensions/AbuseFilter", None));
    let file = "extensions/AbuseFilter/composer.json";
    found.root.parts.push(part(file, Some("extensions/AbuseFilter"), &[("wikimedia/equivset", "^2.0")]));
    let checked = check(&found);
    let one = &checked.unmet[0];
    assert_eq!(one.to_string(), "`AbuseFilter` needs `wikimedia/equivset` ^2.0, but 1.4.3 is locked");
    assert_eq!(one.cause(), "extensions/AbuseFilter/composer.json, field `require`");
    assert_eq!(
        one.hint(),
        "run `composer update wikimedia/equivset --with-all-dependencies`; `mwfarm why wikimedia/equivset` shows \
         who else needs it"
    );
    let found = tree(&[], vec![package("a/a", "1.0", &[("a/b", "1")])]);
    assert_eq!(check(&found).unmet[0].cause(), "vendor/composer/installed.json, field `packages[a/a].require`");
}

#[test]
fn replace_and_provide_stand_in() {
    let mut stand_in = package("a/stand-in", "2.5", &[]);
    stand_in.replace = links(&[("a/old", "self.version"), ("a/fixed", "1.99")]);
    stand_in.provide = links(&[("a/virtual", "1.0 || 3.0"), ("ext-zzz", "*")]);
    let mut found = tree(
        &[("a/old", "^2"), ("a/fixed", "^1.8"), ("a/virtual", "^3"), ("a/root", "^1"), ("acme/wiki", "1.0.0")],
        vec![stand_in.clone()],
    );
    found.root.parts[0].replace = links(&[("a/root", "1.5")]);
    found.platform.insert("ext-zzz".into(), None);
    found.root.parts[0].require.extend(links(&[("ext-zzz", "*")]));
    unmet(&found, &[]);

    let mut found = tree(&[("a/old", "^3"), ("a/fixed", "^2"), ("a/virtual", "^2")], vec![stand_in]);
    unmet(
        &found,
        &[
            "`acme/wiki` needs `a/old` ^3, but `a/stand-in` stands in for it as 2.5",
            "`acme/wiki` needs `a/fixed` ^2, but `a/stand-in` stands in for it as 1.99",
            "`acme/wiki` needs `a/virtual` ^2, but `a/stand-in` stands in for it as 1.0 || 3.0",
        ],
    );
    found.packages.push(package("a/virtual", "2.0", &[]));
    let literal_first = Providers::new(&found).candidates(&links(&[("a/virtual", "*")])[0]);
    assert_eq!(literal_first, Candidates { packages: vec![1, 0], parts: vec![] });
}

#[test]
fn aliases_are_versions_too() {
    let mut main = package("a/a", "dev-main", &[]);
    main.aliases.push(Alias {
        version: "2.x-dev".into(),
        version_normalized: "2.9999999.9999999.9999999-dev".into(),
        asked_by: None,
    });
    main.replace = links(&[("a/part", "self.version")]);
    unmet(&tree(&[("a/a", "^2.0"), ("a/part", "^2.0"), ("a/a", "dev-main")], vec![main.clone()]), &[]);
    unmet(
        &tree(&[("a/a", "^3.0"), ("a/part", "^3.0")], vec![main]),
        &[
            "`acme/wiki` needs `a/a` ^3.0, but dev-main is locked",
            "`acme/wiki` needs `a/part` ^3.0, but `a/a` stands in for it as dev-main",
        ],
    );
}

#[test]
fn conflicts_and_replaced_packages_are_found() {
    let mut a = package("a/a", "1.0", &[]);
    a.conflict = links(&[("a/b", "<2"), ("a/c", "<1"), ("a/v", "*"), ("a/a", "*")]);
    let mut b = package("a/b", "1.5", &[]);
    b.provide = links(&[("a/v", "1.0")]);
    b.replace = links(&[("a/c", "*"), ("a/b", "*")]);
    unmet(
        &tree(&[], vec![a, b, package("a/c", "1.0", &[])]),
        &[
            "`a/a` conflicts with `a/b` <2, but `a/b` 1.5 is locked",
            // By what `a/b` replaces: it stands for every version of `a/c`.
            "`a/a` conflicts with `a/c` <1, but `a/b` 1.5 is locked",
            "`a/a` conflicts with `a/v` *, but `a/b` 1.5 is locked",
            "`a/b` replaces `a/c`, but both are locked",
        ],
    );
}

#[test]
fn the_platform_is_checked_only_as_far_as_it_is_pretended() {
    let mut found = tree(
        &[("php", ">=8.3"), ("ext-intl", "*"), ("ext-dom", "*"), ("php-64bit", ">=8.3")],
        vec![package("a/a", "1.0", &[("composer-runtime-api", "^2.2"), ("composer-plugin-api", "^2")])],
    );
    unmet(&found, &[]);
    found.platform.insert("php".into(), Some("8.1.2".into()));
    found.platform.insert("ext-intl".into(), None);
    unmet(
        &found,
        &[
            "`acme/wiki` needs `php` >=8.3, but `config.platform` says 8.1.2",
            "`acme/wiki` needs `ext-intl` *, but `config.platform` says there is none",
            "`acme/wiki` needs `php-64bit` >=8.3, but `config.platform` says 8.1.2",
        ],
    );
}

#[test]
fn directories_need_no_installer() {
    let mut found = tree(&[("composer/installers", "^2")], vec![]);
    for name in ["A", "B", "C", "D", "E"] {
        let id = format!("extensions/{name}");
        found.extensions.push(directory(&id, None));
        let wants = [("composer/installers", "^2"), ("composer-runtime-api", "*")];
        found.root.parts.push(part(&format!("{id}/composer.json"), Some(&id), &wants));
    }
    unmet(&found, &["`acme/wiki` needs `composer/installers` ^2, but it is not installed"]);
    let directories: Vec<String> = ["A", "B", "C", "D", "E"].map(|name| format!("extensions/{name}")).into();
    let unasked = |target: &str| Unasked { target: target.to_owned(), directories: directories.clone() };
    let checked = check(&found);
    assert_eq!(checked.unasked, [unasked("composer-runtime-api"), unasked("composer/installers")]);
    assert_eq!(checked.warnings, [""; 0], "nobody can mend it");
}

#[test]
fn a_directory_stands_for_its_package_in_an_unknown_version() {
    let mut found = tree(&[("mediawiki/bootstrap", "^5")], vec![]);
    found.extensions.push(directory("extensions/Bootstrap", Some("mediawiki/bootstrap")));
    unmet(&found, &[]);
    assert_eq!(
        check(&found).warnings,
        [
            "`acme/wiki` needs `mediawiki/bootstrap` ^5, which is the directory `extensions/Bootstrap`: Composer does not \
         know its version"
        ]
    );
    assert_eq!(Providers::new(&found).directories("mediawiki/bootstrap"), [0]);
}

#[test]
fn duplicates_count_as_the_merge_plugin_is_told() {
    let mut found = tree(&[("a/a", "^1")], vec![package("a/a", "1.0", &[])]);
    found.root.parts.push(part("composer.local.json", None, &[("a/a", "^2")]));
    unmet(&found, &["`composer.local.json` needs `a/a` ^2, but 1.0 is locked"]);
    found.root.duplicates = Duplicates::Ignore;
    unmet(&found, &[]);
    found.root.duplicates = Duplicates::Replace;
    unmet(&found, &["`composer.local.json` needs `a/a` ^2, but 1.0 is locked"]);
    found.root.parts[1].require = links(&[("a/a", "^1")]);
    found.root.parts[0].require = links(&[("a/a", "^2")]);
    unmet(&found, &[]);
    // A directory that no include covers is not merged, so nothing overrides it.
    found.root.duplicates = Duplicates::Ignore;
    found.root.parts[0].require = links(&[("a/a", "^1")]);
    found.extensions.push(directory("extensions/D", None));
    found.root.parts.push(part("extensions/D/composer.json", Some("extensions/D"), &[("a/a", "^3")]));
    unmet(&found, &["`D` needs `a/a` ^3, but 1.0 is locked"]);
}

#[test]
fn bad_constraints_are_unmet() {
    let found = tree(&[("a/a", "1.0é"), ("a/a", "not a version")], vec![package("a/a", "1.0", &[])]);
    unmet(
        &found,
        &[
            "`acme/wiki` has a bad constraint on `a/a`: `1.0é` is not a constraint: it holds something else than plain text",
            "`acme/wiki` has a bad constraint on `a/a`: `not a version` is not a constraint",
        ],
    );
}

#[test]
fn manifests_name_each_other() {
    let mut found = tree(&[], vec![]);
    let manifest = |file: &str, name: &str, version: Option<&str>| ExtensionManifest {
        file: file.to_owned(),
        name: Some(name.to_owned()),
        version: version.map(str::to_owned),
        ..ExtensionManifest::default()
    };
    let mut select = directory("extensions/SemanticFormsSelect", None);
    select.manifests.push(ExtensionManifest {
        mediawiki: Some(">= 1.44".into()),
        extensions: links(&[("Page Forms", ">= 5"), ("Echo", "*"), ("Echo", ">= 1"), ("Nowhere", "*")]),
        skins: links(&[("Vector", ">= 1.0")]),
        ..manifest("extensions/SemanticFormsSelect/extension.json", "Semantic Forms Select", None)
    });
    let mut forms = directory("extensions/PageForms", None);
    forms.manifests.push(manifest("extensions/PageForms/extension.json", "Page Forms", Some("4.9")));
    let mut echo = directory("extensions/Echo", None);
    echo.manifests.push(manifest("extensions/Echo/extension.json", "Echo", None));
    let mut vector = directory("skins/Vector", None);
    vector.manifests.push(manifest("skins/Vector/skin.json", "Vector", Some("1.0.0")));
    found.extensions = vec![echo, forms, select, vector];

    let checked = check(&found);
    assert_eq!(checked.unmet, []);
    assert_eq!(
        checked.dangling.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["`extensions/SemanticFormsSelect` needs `Nowhere`, but no extension or skin of the tree has that name"]
    );
    let file = "`extensions/SemanticFormsSelect/extension.json`";
    assert_eq!(
        checked.warnings,
        [
            format!("{file}, field `requires.MediaWiki`: wants `MediaWiki` >= 1.44, but the tree has 1.43.9"),
            format!("{file}, field `requires.extensions`: wants `Page Forms` >= 5, but the tree has 4.9"),
            format!("{file}, field `requires.extensions`: wants `Echo` >= 1, but it has no version"),
        ]
    );
}

#[test]
fn ten_thousand_requirements_take_no_time_to_speak_of() {
    let packages = (0..1000).map(|i| package(&format!("a/p{i:04}"), "1.0.0", &[])).collect::<Vec<_>>();
    let mut found = tree(&[], packages);
    for i in 0..1000 {
        let id = format!("extensions/E{i:04}");
        let wants: Vec<_> = (0..10).map(|k| (format!("a/p{:04}", (i * 7 + k) % 1000), "^1.0")).collect();
        let wants: Vec<_> = wants.iter().map(|(name, constraint)| (name.as_str(), *constraint)).collect();
        found.root.parts.push(part(&format!("{id}/composer.json"), Some(&id), &wants));
        found.extensions.push(directory(&id, None));
    }
    let started = std::time::Instant::now();
    unmet(&found, &[]);
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}
