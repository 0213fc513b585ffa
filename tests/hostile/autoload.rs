//! Autoload rules that lead astray, merged into the root, of an installed package, and of the root itself.

use super::cases::{Case, Verdict, case};
use super::yard::Yard;

const COMPOSER: &str = "`extensions/Bad/composer.json`";
const INSTALLED: &str = "`vendor/composer/installed.json`";
const BAD: &str = "<?php touch('canary'); class Bad {}";

/// A merged extension with these rules is refused.
fn merged(name: &'static str, rules: impl Into<String>, says: &'static [&'static str]) -> Case {
    let rules = rules.into();
    let make = move |yard: &Yard| {
        yard.extension(&format!("{{\"autoload\": {{{rules}}}}}"));
        yard.write("tree/extensions/Bad/src/Bad.php", BAD);
        yard.turn_on();
    };
    case(name, make, Verdict::refused(1, says))
}

/// An installed extension with these rules is refused.
fn packed(name: &'static str, rules: &'static str, says: &'static [&'static str]) -> Case {
    let make = move |yard: &Yard| {
        yard.package(&format!("\"autoload\": {{{rules}}}"));
        yard.write("tree/extensions/Bad/src/Bad.php", BAD);
        yard.turn_on();
    };
    case(name, make, Verdict::refused(1, says))
}

/// A merged extension with these rules after something was done to its directory.
fn with(name: &'static str, rules: &'static str, make: impl Fn(&Yard) + 'static, verdict: Verdict) -> Case {
    let all = move |yard: &Yard| {
        yard.extension(&format!("{{\"autoload\": {{{rules}}}}}"));
        yard.write("tree/extensions/Bad/src/Bad.php", BAD);
        yard.turn_on();
        make(yard);
    };
    case(name, all, verdict)
}

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn cases() -> Vec<Case> {
    let classmap = "\"classmap\": [\"src/\"]";
    vec![
        merged(
            "a file above",
            "\"files\": [\"../../../outside/Secret.php\"]",
            &[COMPOSER, "field `autoload.files[0]`", "leaves the package"],
        ),
        merged(
            "a class map above",
            "\"classmap\": [\"x/../../../../outside\"]",
            &[COMPOSER, "field `autoload.classmap[0]`", "leaves the package"],
        ),
        merged(
            "a namespace above",
            "\"psr-4\": {\"Bad\\\\\": [\"src/\", \"../../../outside\"]}",
            &[COMPOSER, "field `autoload.psr-4.Bad\\\\[1]`", "leaves the package"],
        ),
        merged(
            "a namespace above, with backslashes",
            "\"psr-0\": {\"Bad\": \"..\\\\..\\\\..\\\\outside\"}",
            &[COMPOSER, "field `autoload.psr-0.Bad[0]`", "leaves the package"],
        ),
        merged(
            "a stream of a phar",
            "\"files\": [\"phar://x.phar/y.php\"]",
            &[COMPOSER, "field `autoload.files[0]`", "is not a path but the address of a stream"],
        ),
        merged(
            "a stream of PHP",
            "\"classmap\": [\"php://filter/read=string.rot13/resource=x\"]",
            &[COMPOSER, "field `autoload.classmap[0]`", "stream"],
        ),
        merged(
            "a stream of data",
            "\"psr-4\": {\"Bad\\\\\": \"data:text/plain,x/\"}",
            &[COMPOSER, "field `autoload.psr-4.Bad\\\\[0]`"],
        ),
        merged(
            "a stream of the web",
            "\"files\": [\"http://127.0.0.1/x.php\"]",
            &[COMPOSER, "field `autoload.files[0]`", "stream"],
        ),
        merged("a stream of data in capitals", "\"files\": [\"DATA:,x\"]", &[COMPOSER, "field `autoload.files[0]`"]),
        merged(
            "a path with NUL",
            "\"files\": [\"src/Bad.php\\u0000.txt\"]",
            &[COMPOSER, "field `autoload.files[0]`", "holds a control character"],
        ),
        merged(
            "a path with a new line",
            "\"classmap\": [\"src\\n\"]",
            &[COMPOSER, "field `autoload.classmap[0]`", "holds a control character"],
        ),
        merged(
            "a path that is longer than any",
            format!("\"classmap\": [\"{}\"]", "x/".repeat(50_000)),
            &[COMPOSER, "field `autoload.classmap[0]`", "longer"],
        ),
        merged(
            "a class map longer than any path that there can be",
            format!("\"classmap\": [\"{}\"]", "src/".repeat(1_000)),
            &[COMPOSER, "field `autoload.classmap`", "is neither a file nor a directory"],
        ),
        with(
            "a namespace longer than any path that there can be",
            "\"psr-4\": {\"Bad\\\\\": \"src/LONG\"}",
            |yard| yard.edit("tree/extensions/Bad/composer.json", "LONG", &"src/".repeat(1_000)),
            Verdict::mapped(&[("Bad", None)]),
        ),
        merged(
            "a namespace that does not end",
            "\"psr-4\": {\"Bad\": \"src/\"}",
            &[COMPOSER, "field `autoload.psr-4.Bad`", "must end with a backslash"],
        ),
        merged(
            "a namespace with NUL",
            "\"psr-4\": {\"Bad\\u0000\\\\\": \"src/\"}",
            &[COMPOSER, "field `autoload.psr-4.Bad\\0\\\\`", "holds a control character"],
        ),
        merged(
            "a file that is not there",
            "\"files\": [\"src/none.php\"]",
            &[COMPOSER, "field `autoload.files`", "`extensions/Bad/src/none.php` does not exist"],
        ),
        merged(
            "a file that is a directory",
            "\"files\": [\"src\"]",
            &[COMPOSER, "field `autoload.files`", "`extensions/Bad/src` is not a regular file"],
        ),
        merged(
            "a class map that is not there",
            "\"classmap\": [\"none/\"]",
            &[COMPOSER, "field `autoload.classmap`", "`extensions/Bad/none/` is neither a file nor a directory"],
        ),
        merged(
            "a pattern of asterisks",
            format!("\"classmap\": [\"src/\"], \"exclude-from-classmap\": [\"{}x\"]", "**/".repeat(500)),
            &[COMPOSER, "field `autoload.exclude-from-classmap[0]`", "more than 32 asterisks"],
        ),
        merged(
            "an exclusion above in its middle",
            "\"exclude-from-classmap\": [\"src/../../../..\"]",
            &[COMPOSER, "field `autoload.exclude-from-classmap[0]`", "leaves the package"],
        ),
        merged(
            "a class map of many braces",
            format!("\"classmap\": [\"*{}\"]", "{a,b}".repeat(40)),
            &["extensions/Bad/", "it matches more than 20000 paths"],
        ),
        packed(
            "a package's file above",
            "\"files\": [\"/../../../outside/Secret.php\"]",
            &[INSTALLED, "field `packages[acme/bad].autoload.files[0]`", "leaves the package"],
        ),
        packed(
            "a package's stream",
            "\"classmap\": [\"phar://src\"]",
            &[INSTALLED, "field `packages[acme/bad].autoload.classmap[0]`", "stream"],
        ),
        packed(
            "a package's file that is missing",
            "\"files\": [\"none.php\"]",
            &[INSTALLED, "field `packages[acme/bad].autoload.files`", "does not exist"],
        ),
        case(
            "an include path above",
            |yard| yard.package("\"include-path\": [\"../../../outside\"]"),
            Verdict::refused(1, &[INSTALLED, "field `packages[acme/bad].include-path[0]`", "leaves the package"]),
        ),
        case(
            "the root's own file above",
            |yard| {
                yard.edit(
                    "tree/composer.json",
                    "\"config\"",
                    "\"autoload\": {\"files\": [\"../outside/Secret.php\"]}, \"config\"",
                );
            },
            Verdict::refused(1, &["`composer.json`", "field `autoload.files[0]`", "leaves the package"]),
        ),
        case(
            "another vendor directory",
            |yard| yard.edit("tree/composer.json", "\"config\": {", "\"config\": {\"vendor-dir\": \"../outside\", "),
            Verdict::refused(1, &["`composer.json`", "field `config.vendor-dir`", "is not supported"]),
        ),
        case(
            "includes above",
            |yard| yard.edit("tree/composer.json", "\"include\": [", "\"include\": [\"../outside/*.json\", "),
            Verdict::refused(1, &["`composer.json`", "field `extra.merge-plugin.include`", "leaves the package"]),
        ),
        case(
            "an extension that includes what is absolute",
            |yard| yard.extension("{\"extra\": {\"merge-plugin\": {\"include\": [\"/../../../../etc/*.json\"]}}}"),
            Verdict::refused(1, &[COMPOSER, "field `extra.merge-plugin.include`", "leaves the package"]),
        ),
        case(
            "an extension that includes itself in ever longer ways",
            |yard| {
                yard.extension("{\"extra\": {\"merge-plugin\": {\"include\": [\"../Bad/composer.json\", \"./*/../composer.json\"]}}}");
            },
            Verdict::built(&[]),
        ),
        case(
            "an extension that requires what nothing matches",
            |yard| yard.extension("{\"extra\": {\"merge-plugin\": {\"require\": [\"none/*.json\"]}}}"),
            Verdict::refused(1, &[COMPOSER, "field `extra.merge-plugin.require`", "no file matches"]),
        ),
        case(
            "includes in a labyrinth of links",
            |yard| {
                yard.extension(&format!(
                    "{{\"extra\": {{\"merge-plugin\": {{\"include\": [\"{}x.json\"]}}}}}}",
                    "*/".repeat(30)
                ));
                (0..10).for_each(|at| yard.link(".", &format!("tree/extensions/Bad/loop{at}")));
            },
            Verdict::refused(1, &[COMPOSER, "field `extra.merge-plugin.include`", "matches more than 20000 paths"]),
        ),
        case(
            "a pipe that is included",
            |yard| {
                yard.extension("{\"extra\": {\"merge-plugin\": {\"include\": [\"x.json\"]}}}");
                yard.pipe("tree/extensions/Bad/x.json");
            },
            Verdict::refused(1, &["`extensions/Bad/x.json`", "is not a regular file"]),
        ),
        case(
            "a link out that is included",
            |yard| {
                yard.extension("{\"extra\": {\"merge-plugin\": {\"include\": [\"x.json\"]}}}");
                yard.link("../../../outside/secret.json", "tree/extensions/Bad/x.json");
            },
            Verdict::refused(1, &["`extensions/Bad/x.json`", "is a link that leaves its directory"]),
        ),
        with(
            "a class map in a labyrinth of links",
            "\"classmap\": [\"*/*/*/*/*/*/*/*/*/*/*/*/\"]",
            |yard| (0..10).for_each(|at| yard.link(".", &format!("tree/extensions/Bad/loop{at}"))),
            Verdict::refused(1, &["extensions/Bad/", "matches more than 20000 paths"]),
        ),
        with(
            "a class map that is a link out",
            classmap,
            |yard| {
                yard.remove("tree/extensions/Bad/src");
                yard.link("../../../outside", "tree/extensions/Bad/src");
            },
            Verdict::refused(1, &["`extensions/Bad/src`", "it leads to", "outside `extensions/Bad`"]),
        ),
        with(
            "a link out in a class map",
            classmap,
            |yard| yard.link("../../../../outside/Secret.php", "tree/extensions/Bad/src/Secret.php"),
            Verdict::refused(1, &["`extensions/Bad/src/Secret.php`", "it leads to", "outside `extensions/Bad`"]),
        ),
        with(
            "a link to the root of the system in a class map",
            classmap,
            |yard| yard.link("/", "tree/extensions/Bad/src/all"),
            Verdict::refused(1, &["`extensions/Bad/src/all`", "it leads to", "outside `extensions/Bad`"]),
        ),
        with(
            "a link to another extension in a class map",
            classmap,
            |yard| yard.link("../../Good/src", "tree/extensions/Bad/src/other"),
            Verdict::refused(1, &["`extensions/Bad/src/other`", "it leads to", "outside `extensions/Bad`"]),
        ),
        with(
            "a link that leads back",
            classmap,
            |yard| yard.link("..", "tree/extensions/Bad/src/again"),
            Verdict::refused(1, &["`extensions/Bad/src/again/src`", "it leads back to `extensions/Bad/src`"]),
        ),
        with(
            "a file of every request that is a link out",
            "\"files\": [\"src/secret\"]",
            |yard| yard.link("../../../../outside/secret", "tree/extensions/Bad/src/secret"),
            Verdict::refused(
                1,
                &[COMPOSER, "field `autoload.files`", "`extensions/Bad/src/secret` leads out of `extensions/Bad`"],
            ),
        ),
        with(
            "a file of every request that is a pipe",
            "\"files\": [\"src/pipe.php\"]",
            |yard| yard.pipe("tree/extensions/Bad/src/pipe.php"),
            Verdict::refused(
                1,
                &[COMPOSER, "field `autoload.files`", "`extensions/Bad/src/pipe.php` is not a regular file"],
            ),
        ),
        with(
            "a file of every request that is a device",
            "\"files\": [\"src/zero.php\"]",
            |yard| yard.link("/dev/zero", "tree/extensions/Bad/src/zero.php"),
            Verdict::refused(
                1,
                &[COMPOSER, "field `autoload.files`", "`extensions/Bad/src/zero.php` is not a regular file"],
            ),
        ),
        with(
            "a file of every request that is too long",
            "\"files\": [\"src/long.php\"]",
            |yard| yard.hole("tree/extensions/Bad/src/long.php", 100 << 30),
            Verdict::refused(
                1,
                &[COMPOSER, "field `autoload.files`", "`extensions/Bad/src/long.php` is longer than 64 MiB"],
            ),
        ),
        with(
            "braces that hide a way up",
            "\"classmap\": [\"{..,x*}/{..,x*}/{..,x*}/outside\"]",
            |_| {},
            Verdict::refused(1, &["outside"]),
        ),
        with(
            "file names that are PHP",
            "\"classmap\": [\"src/\"], \"files\": [\"src/'.touch('canary').'$x.php\"]",
            |yard| {
                for (at, name) in ["'.touch('canary').'$x", "a\nb", "\\", "{$_GET[x]}", "?><?=1", "\"\\", "*:", " "]
                    .iter()
                    .enumerate()
                {
                    yard.write(format!("tree/extensions/Bad/src/{name}.php"), format!("<?php class Bad{at} {{}}"));
                }
            },
            Verdict::mapped(&[
                ("Bad0", Some("extensions/Bad/src/'.touch('canary').'$x.php")),
                ("Bad1", Some("extensions/Bad/src/a\nb.php")),
                ("Bad2", Some("extensions/Bad/src/\\.php")),
                ("Bad3", Some("extensions/Bad/src/{$_GET[x]}.php")),
                ("Bad4", Some("extensions/Bad/src/?><?=1.php")),
                ("Bad5", Some("extensions/Bad/src/\"\\.php")),
                ("Bad6", Some("extensions/Bad/src/*:.php")),
                ("Bad7", Some("extensions/Bad/src/ .php")),
            ]),
        ),
        with(
            "namespaces that are PHP",
            "\"psr-4\": {\"'.touch('canary').'\\\\\": \"src/\", \"$x{$y}\\\\\": \"src/\", \"\\u202e?>\\\\\": \"src/\", \"\": \"src/\"}",
            |_| {},
            Verdict::mapped(&[("Bad", Some("extensions/Bad/src/Bad.php"))]),
        ),
    ]
}
