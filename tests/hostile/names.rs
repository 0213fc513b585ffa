//! Names, versions and requirements.

use super::cases::{Case, Verdict, case};
use super::yard::Yard;

const COMPOSER: &str = "`extensions/Bad/composer.json`";
const INSTALLED: &str = "`vendor/composer/installed.json`";
const PLACE: &str = "field `packages[acme/lib].install-path`";

/// An extension that requires this is refused.
fn requires(name: &'static str, what: &'static str, code: i32, says: &'static [&'static str]) -> Case {
    let make = move |yard: &Yard| {
        yard.extension(&format!("{{\"require\": {{{what}}}}}"));
        yard.turn_on();
    };
    case(name, make, Verdict::refused(code, says))
}

/// A package of this name is refused.
fn package(name: &'static str, of: &'static str, shown: &'static str) -> Case {
    let make = move |yard: &Yard| yard.edit("tree/vendor/composer/installed.json", "acme/lib\"", &format!("{of}\""));
    case(name, make, Verdict::refused(1, &[INSTALLED, "field `packages[0].name`", shown]))
}

/// The first package with one text in the place of another is refused.
fn installed(
    name: &'static str,
    from: &'static str,
    to: impl Into<String>,
    code: i32,
    says: &'static [&'static str],
) -> Case {
    let to = to.into();
    case(name, move |yard| yard.edit("tree/vendor/composer/installed.json", from, &to), Verdict::refused(code, says))
}

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn cases() -> Vec<Case> {
    let path = "\"install-path\": \"../acme/lib\"";
    vec![
        package("a package that is a way up", "../../../outside/x", "is not the name of a package"),
        package("a package whose vendor is a way up", "../lib", "`../lib` is not the name of a package"),
        package("a package that is absolute", "/etc/passwd", "`/etc/passwd` is not"),
        package("a package that is an option", "-o/lib", "`-o/lib` is not"),
        package("a package with a new line at its end", "acme/lib\\n", "`acme/lib\\n` is not"),
        package("a package with NUL", "acme/lib\\u0000", "`acme/lib\\0` is not"),
        package("a package that turns the line round", "acme/\\u202elib", "`acme/\\u{202e}lib` is not"),
        package("a package that colours the terminal", "acme/\\u001b[31mlib", "`acme/\\u{1b}[31mlib` is not"),
        package("a package that is PHP", "a'.touch('canary').'/lib", "is not the name of a package"),
        package("a package that is a stream", "phar://x/lib", "is not the name of a package"),
        package("a package without a name", "", "`` is not the name of a package"),
        package("a package with a point for a name", "acme/.", "`acme/.` is not"),
        package("a package with a look-alike", "аcme/lib", "is not the name of a package"),
        case(
            "a package whose name is longer than any",
            |yard| {
                let long = format!("acme/{}\"", "x".repeat(100_000));
                yard.edit("tree/vendor/composer/installed.json", "acme/lib\"", &long);
            },
            Verdict::refused(1, &[INSTALLED, "field `packages[0].name`", "x…` is not the name of a package"]),
        ),
        installed(
            "a package that is there twice",
            "wikimedia/composer-merge-plugin\", \"version\"",
            "Acme/Lib\", \"version\"",
            1,
            &[INSTALLED, "field `packages[acme/lib].name`", "is listed twice"],
        ),
        installed(
            "a package of no version",
            "\"version\": \"1.2.0\", ",
            "",
            1,
            &[INSTALLED, "field `packages[acme/lib].version`", "is missing"],
        ),
        installed(
            "a version that is none",
            "\"version\": \"1.2.0\", \"version_normalized\": \"1.2.0.0\"",
            "\"version\": \"one; touch canary\"",
            1,
            &[INSTALLED, "field `packages[acme/lib].version`", "is not a version"],
        ),
        installed(
            "a version with a new line",
            "\"1.2.0.0\"",
            "\"1.2.0.0\\n<?php touch('canary');\"",
            1,
            &[INSTALLED, "field `packages[acme/lib].version`", "holds a control character"],
        ),
        installed(
            "a version without end",
            "\"version\": \"1.2.0\", \"version_normalized\": \"1.2.0.0\"",
            format!("\"version\": \"{}\"", "1.".repeat(100_000)),
            1,
            &[INSTALLED, "field `packages[acme/lib].version`"],
        ),
        installed(
            "a place that is absolute",
            path,
            "\"install-path\": \"/etc\"",
            1,
            &[INSTALLED, PLACE, "`/etc` is absolute"],
        ),
        installed(
            "a place that is the tree",
            path,
            "\"install-path\": \"../..\"",
            1,
            &[INSTALLED, PLACE, "is no directory of a package"],
        ),
        installed(
            "a place that is vendor/",
            path,
            "\"install-path\": \"..\"",
            1,
            &[INSTALLED, PLACE, "is no directory of a package"],
        ),
        installed(
            "a place that is a stream",
            path,
            "\"install-path\": \"phar://x.phar\"",
            1,
            &[INSTALLED, PLACE, "is not a path"],
        ),
        installed(
            "a place with NUL",
            path,
            "\"install-path\": \"../acme/lib\\u0000\"",
            1,
            &[INSTALLED, PLACE, "holds a control character"],
        ),
        installed(
            "a place that nothing is at",
            path,
            "\"install-path\": \"../acme/none\"",
            1,
            &[
                INSTALLED,
                "field `packages[acme/lib].autoload.files`",
                "`vendor/acme/none/functions.php` does not exist",
            ],
        ),
        installed(
            "a target directory that is a way up",
            "\"autoload\": {\"psr-4\": {\"Acme\\\\Lib\\\\\": \"src/\"}",
            "\"target-dir\": \"../../..\", \"autoload\": {\"psr-0\": {\"\": \"src/\"}",
            1,
            &[INSTALLED, "field `packages[acme/lib].target-dir`", "leaves the package"],
        ),
        requires(
            "a requirement that is a way up",
            "\"../x\": \"*\"",
            1,
            &[COMPOSER, "field `require`", "`../x` is not the name"],
        ),
        requires(
            "a requirement that is an option",
            "\"--update\": \"*\"",
            1,
            &[COMPOSER, "field `require`", "`--update` is not"],
        ),
        requires(
            "a constraint that is none",
            "\"acme/lib\": \"^^1 || <?php\"",
            2,
            &["extensions/Bad/composer.json, field `require`", "`^^1 || <?php` is not a constraint"],
        ),
        requires(
            "a constraint that is a reference of git",
            "\"acme/lib\": \"dev-$(touch canary)\"",
            2,
            &["`acme/lib`", "extensions/Bad/composer.json, field `require`"],
        ),
        requires(
            "a version that is not there",
            "\"acme/lib\": \"^2.0\"",
            2,
            &["`acme/lib`", "^2.0", "1.2.0", "extensions/Bad/composer.json"],
        ),
        requires(
            "a package that is not there",
            "\"acme/none\": \"*\"",
            2,
            &["`acme/none`", "extensions/Bad/composer.json"],
        ),
        requires(
            "an alias that is none",
            "\"acme/lib\": \"dev-main as two of them\"",
            1,
            &[COMPOSER, "field `require.acme/lib`"],
        ),
        case(
            "a constraint without end",
            |yard| yard.extension(&format!("{{\"require\": {{\"acme/lib\": \"{}\"}}}}", "1 || ".repeat(100_000))),
            Verdict::refused(
                2,
                &["extensions/Bad/composer.json, field `require`", "is longer than a constraint can be"],
            ),
        ),
        case(
            "a constraint of all that there is room for",
            |yard| {
                let all: Vec<String> = (0..500).map(|at| format!("^{}", at % 10)).collect();
                yard.extension(&format!("{{\"require\": {{\"acme/lib\": \"{}\"}}}}", all.join(" || ")));
            },
            Verdict::built(&[]),
        ),
        case(
            "an extension that claims to be core",
            |yard| {
                yard.extension(
                    "{\"name\": \"mediawiki/core\", \"version\": \"99.0\", \"provide\": {\"acme/other\": \"*\"}}",
                );
                yard.turn_on();
            },
            Verdict::built(&[]),
        ),
        case(
            "an extension that claims to be a library",
            |yard| {
                yard.extension("{\"replace\": {\"acme/lib\": \"*\"}}");
                yard.turn_on();
            },
            Verdict::refused(2, &["`Bad` replaces `acme/lib`, but both are locked", "extensions/Bad/composer.json"]),
        ),
        case(
            "an extension that conflicts with everybody",
            |yard| {
                yard.extension("{\"conflict\": {\"acme/lib\": \"*\"}}");
                yard.turn_on();
            },
            Verdict::refused(2, &["`acme/lib`", "extensions/Bad/composer.json"]),
        ),
        case(
            "two names that only case tells apart",
            |yard| {
                yard.write("tree/extensions/good/extension.json", "{\"name\": \"good\"}");
                yard.write(
                    "tree/extensions/good/composer.json",
                    "{\"autoload\": {\"psr-4\": {\"good\\\\\": \"src/\"}}}",
                );
                yard.write("tree/extensions/good/src/Good.php", "<?php namespace good; touch('canary'); class Good {}");
            },
            Verdict::built(&[]),
        ),
        case(
            "names of extensions that are PHP, options and texts of several lines",
            |yard| {
                for name in
                    ["a'.touch('canary').'", "$_GET[x]", "`touch canary`", "a\nb", "-rf", "a,b", "a\\b", "\u{202e}x"]
                {
                    yard.write(format!("tree/extensions/{name}/extension.json"), "{\"name\": \"x\"}");
                }
            },
            Verdict::built(&["must not contain control characters, quotes, backslashes, commas or `$`"]),
        ),
        case(
            "a name that is no UTF-8",
            |yard| {
                use std::os::unix::ffi::OsStrExt as _;
                let name = std::ffi::OsStr::from_bytes(b"tree/extensions/\xff\xfe/extension.json");
                yard.write(std::path::Path::new(name), "{\"name\": \"x\"}");
            },
            Verdict::built(&[]),
        ),
        case(
            "two extensions whose short hashes collide",
            |yard| {
                // MediaWikiFarm's directories have eight hex digits of an MD5: these two names have the same.
                for name in COLLIDING {
                    yard.write(format!("tree/extensions/{name}/extension.json"), "{\"name\": \"x\"}");
                }
                let both = COLLIDING.join(", ");
                yard.edit("tree/wikis.yml", "extensions: [Good]", &format!("extensions: [Good, {both}]"));
            },
            Verdict::built(&[]),
        ),
    ]
}

/// `ExtensionSemantic58436` and `ExtensionSemantic59385` have MD5 sums that begin with `d7725688`.
pub(super) const COLLIDING: [&str; 2] = ["Semantic58436", "Semantic59385"];
