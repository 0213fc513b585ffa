//! Special files where a build reads: pipes, devices, sockets, links, directories, modes.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixListener;

use super::cases::{Case, Verdict, case};
use super::yard::Yard;

/// An extension whose directory `src` is mapped, and is on.
fn mapped(yard: &Yard) {
    yard.extension("{\"autoload\": {\"classmap\": [\"src/\"]}}");
    yard.write("tree/extensions/Bad/src/Bad.php", "<?php touch('canary'); class Bad {}");
    yard.turn_on();
}

/// Where the class is whatever lies beside it.
const BAD: (&str, Option<&str>) = ("Bad", Some("extensions/Bad/src/Bad.php"));

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "a manifest that is a pipe",
            |yard| yard.pipe("tree/extensions/Bad/extension.json"),
            Verdict::refused(1, &["`extensions/Bad/extension.json`", "is not a regular file"]),
        ),
        case(
            "a manifest that is a directory",
            |yard| yard.directory("tree/extensions/Bad/extension.json"),
            Verdict::refused(1, &["`extensions/Bad/extension.json`", "is not a regular file"]),
        ),
        case(
            "a manifest that is a socket",
            |yard| {
                yard.directory("tree/extensions/Bad");
                // Its path may be longer than a socket's.
                let file = yard.path("tree/extensions/Bad/extension.json");
                let mode = rustix::fs::Mode::RUSR;
                rustix::fs::mknodat(rustix::fs::CWD, file, rustix::fs::FileType::Socket, mode, 0).expect("a socket");
            },
            Verdict::refused(1, &["`extensions/Bad/extension.json`", "is not a regular file"]),
        ),
        case(
            "a manifest that is a device",
            |yard| yard.link("/dev/zero", "tree/extensions/Bad/extension.json"),
            Verdict::refused(1, &["`extensions/Bad/extension.json`"]),
        ),
        case(
            "a manifest that is the memory of the process",
            |yard| yard.link("/proc/self/mem", "tree/extensions/Bad/extension.json"),
            Verdict::refused(1, &["`extensions/Bad/extension.json`"]),
        ),
        case(
            "a manifest that leads out",
            |yard| yard.link("../../../outside/secret.json", "tree/extensions/Bad/extension.json"),
            Verdict::refused(1, &["`extensions/Bad/extension.json`", "is a link that leaves its directory"]),
        ),
        case(
            "a manifest that leads to the passwords",
            |yard| yard.link("/etc/passwd", "tree/extensions/Bad/extension.json"),
            Verdict::refused(1, &["`extensions/Bad/extension.json`", "is a link that leaves its directory"]),
        ),
        case(
            "a manifest that leads to itself",
            |yard| yard.link("extension.json", "tree/extensions/Bad/extension.json"),
            Verdict::refused(1, &["`extensions/Bad/extension.json`"]),
        ),
        case(
            "a manifest that leads nowhere",
            |yard| yard.link("none.json", "tree/extensions/Bad/extension.json"),
            Verdict::refused(1, &["`extensions/Bad/extension.json`"]),
        ),
        case(
            "composer.json that is a pipe",
            |yard| {
                yard.extension("{}");
                yard.pipe("tree/extensions/Bad/composer.json");
            },
            Verdict::refused(1, &["`extensions/Bad/composer.json`", "is not a regular file"]),
        ),
        case(
            "composer.json that leads out",
            |yard| {
                yard.extension("{}");
                yard.link("../../../outside/secret.json", "tree/extensions/Bad/composer.json");
            },
            Verdict::refused(1, &["`extensions/Bad/composer.json`", "is a link that leaves its directory"]),
        ),
        case(
            "the root's composer.json that is a pipe",
            |yard| yard.pipe("tree/composer.json"),
            Verdict::refused(1, &["`composer.json`", "is not a regular file"]),
        ),
        case(
            "a lock that is a pipe",
            |yard| yard.pipe("tree/composer.lock"),
            Verdict::refused(1, &["`composer.lock`", "is not a regular file"]),
        ),
        case(
            "a lock that is a directory",
            |yard| yard.directory("tree/composer.lock"),
            Verdict::refused(1, &["`composer.lock`", "is not a regular file"]),
        ),
        case(
            "installed.json that is a pipe",
            |yard| yard.pipe("tree/vendor/composer/installed.json"),
            Verdict::refused(1, &["`vendor/composer/installed.json`", "is not a regular file"]),
        ),
        case(
            "installed.json that leads nowhere",
            |yard| yard.link("none", "tree/vendor/composer/installed.json"),
            Verdict::refused(1, &["`vendor/composer/installed.json`"]),
        ),
        case(
            "the version that is a pipe",
            |yard| yard.pipe("tree/includes/Defines.php"),
            Verdict::refused(1, &["`includes/Defines.php`", "is not a regular file"]),
        ),
        case(
            "the settings of Composer's loader in a pipe",
            |yard| yard.pipe("tree/vendor/composer/autoload_real.php"),
            Verdict::refused(1, &["`vendor/composer/autoload_real.php`", "is not a regular file"]),
        ),
        case(
            "extensions that are a file",
            |yard| {
                yard.remove("tree/extensions");
                yard.write("tree/extensions", "x");
            },
            Verdict::refused(5, &["no extension `extensions/Good`", "wikis.one.extensions"]),
        ),
        case(
            "extensions that lead to themselves",
            |yard| {
                yard.remove("tree/extensions");
                yard.link("extensions", "tree/extensions");
            },
            Verdict::refused(1, &["`extensions`"]),
        ),
        case(
            "an extension that leads to itself",
            |yard| yard.link("Loop", "tree/extensions/Loop"),
            Verdict::built(&[]),
        ),
        case(
            "an extension that leads to the tree",
            |yard| yard.link("../..", "tree/extensions/Tree"),
            Verdict::built(&[]),
        ),
        case(
            "an extension that is a link to one, as packages of a system are",
            |yard| {
                yard.link("../../outside/linked", "tree/extensions/Linked");
                yard.edit("tree/wikis.yml", "[Good]", "[Good, Linked]");
            },
            Verdict::built(&[]),
        ),
        case(
            "a directory named x.php",
            |yard| {
                mapped(yard);
                yard.write("tree/extensions/Bad/src/x.php/Inner.php", "<?php class Inner {}");
            },
            Verdict::mapped(&[BAD, ("Inner", Some("extensions/Bad/src/x.php/Inner.php"))]),
        ),
        case(
            "a pipe named x.php",
            |yard| {
                mapped(yard);
                yard.pipe("tree/extensions/Bad/src/x.php");
            },
            Verdict::mapped(&[BAD]),
        ),
        case(
            "a socket named x.php",
            |yard| {
                mapped(yard);
                let place = tempfile::tempdir().expect("a directory");
                drop(UnixListener::bind(place.path().join("s")).expect("a socket"));
                let file = yard.path("tree/extensions/Bad/src/x.php");
                let mode = rustix::fs::Mode::RUSR;
                rustix::fs::mknodat(rustix::fs::CWD, file, rustix::fs::FileType::Socket, mode, 0).expect("a socket");
            },
            Verdict::mapped(&[BAD]),
        ),
        case(
            "a device named x.php",
            |yard| {
                mapped(yard);
                yard.link("/dev/zero", "tree/extensions/Bad/src/x.php");
            },
            Verdict::mapped(&[BAD]),
        ),
        case(
            "a link to nothing named x.php",
            |yard| {
                mapped(yard);
                yard.link("none.php", "tree/extensions/Bad/src/x.php");
            },
            Verdict::mapped(&[BAD]),
        ),
        case(
            "a link to itself named x.php",
            |yard| {
                mapped(yard);
                yard.link("x.php", "tree/extensions/Bad/src/x.php");
            },
            Verdict::mapped(&[BAD]),
        ),
        case(
            "two links to each other",
            |yard| {
                mapped(yard);
                yard.link("b.php", "tree/extensions/Bad/src/a.php");
                yard.link("a.php", "tree/extensions/Bad/src/b.php");
            },
            Verdict::mapped(&[BAD]),
        ),
        case(
            "a file named x.php of 100 GB",
            |yard| {
                mapped(yard);
                yard.hole("tree/extensions/Bad/src/x.php", 100 << 30);
            },
            Verdict::refused(1, &["`extensions/Bad/src/x.php`", "it is longer than 64 MiB"]),
        ),
        case(
            "names that are no UTF-8",
            |yard| {
                mapped(yard);
                for name in [&b"\xff.php"[..], b"\xc3\x28.php", b"\xed\xa0\x80/x.php"] {
                    let path = [b"tree/extensions/Bad/src/", name].concat();
                    yard.write(std::path::Path::new(std::ffi::OsStr::from_bytes(&path)), "<?php class NoText {}");
                }
            },
            Verdict::mapped(&[BAD, ("NoText", None)]),
        ),
        case(
            "names that only case tells apart",
            |yard| {
                mapped(yard);
                yard.write("tree/extensions/Bad/src/bad.php", "<?php class bad {}");
                yard.write("tree/extensions/Bad/src/BAD.php", "<?php class BAD {}");
            },
            Verdict::mapped(&[
                BAD,
                ("bad", Some("extensions/Bad/src/bad.php")),
                ("BAD", Some("extensions/Bad/src/BAD.php")),
            ]),
        ),
        case(
            "a lattice of links",
            |yard| {
                mapped(yard);
                // Twenty-five levels with two ways to each next one: thirty million paths to one file.
                for level in 0..25 {
                    yard.directory(&format!("tree/extensions/Bad/src/d{level}"));
                    for way in ["a", "b"] {
                        yard.link(format!("../d{}", level + 1), &format!("tree/extensions/Bad/src/d{level}/{way}"));
                    }
                }
                yard.write("tree/extensions/Bad/src/d25/X.php", "<?php class X {}");
            },
            Verdict::refused(1, &["`extensions/Bad/src`", "links in it lead to more than 10000 directories"]),
        ),
        case(
            "a directory that is deeper than a path can be",
            |yard| {
                mapped(yard);
                let part = "d".repeat(200);
                let mut directory = fs::File::open(yard.path("tree/extensions/Bad/src")).expect("a directory");
                for _ in 0..30 {
                    rustix::fs::mkdirat(&directory, &part, rustix::fs::Mode::RWXU).expect("a directory");
                    let flags = rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::RDONLY;
                    directory = rustix::fs::openat(&directory, &part, flags, rustix::fs::Mode::empty())
                        .expect("a directory")
                        .into();
                }
            },
            Verdict::refused(1, &["`extensions/Bad/src/ddd", "it cannot be read"]),
        ),
    ]
}
