//! The rules, each with a text that breaks it and one that keeps it.

use super::source::{Source, places};

/// An invariant of the source.
pub(super) struct Rule {
    /// What holds.
    pub(super) name: &'static str,
    /// Where a file breaks it.
    pub(super) check: fn(&Source) -> Vec<String>,
    /// A path and a text that break it.
    pub(super) broken: (&'static str, &'static str),
    /// A path and a text that keep it.
    pub(super) kept: (&'static str, &'static str),
}

/// The modules that may look at the world, and only they: all others are pure.
const EFFECTS: &[&str] = &[
    "src/main",
    "src/lib",
    "src/report",
    "src/disk",
    "src/fastcgi",
    "src/git",
    "src/process",
    "src/build/mod",
    "src/build/glob",
    "src/build/manifest",
    "src/build/rules",
    "src/build/scan",
    "src/build/publication",
    "src/build/write",
    "src/build/copy",
    "src/build/eject",
    "src/build/strangers",
    "src/build/gc",
    "src/build/rollback",
    "src/build/verify",
    "src/config/wikis",
    "src/config/options",
    "src/config/configuration",
    "src/config/tree",
    "src/config/published",
    "src/config/write",
    "src/config/gc",
    "src/config/read",
    "src/deploy",
    "src/run",
];

const VERBS: [&str; 3] = ["build", "config", "deploy"];

const LONGEST_FILE: usize = 500;
const LONGEST_CLASS: usize = 150;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "pure modules name no files, processes, environment, sockets nor time",
        check: |source| {
            if !source.is_rust() || source.is_in_any(EFFECTS) {
                return Vec::new();
            }
            source.places_of(&[
                "std::fs",
                "fs_err",
                "std::process",
                "std::env",
                "std::time",
                "Instant",
                "SystemTime",
                "rustix",
                "tempfile",
                "std::thread",
                "io::stdin",
                "TcpStream",
                "UdpSocket",
                "UnixStream",
                ".exists()",
                ".is_file()",
                ".is_dir()",
                ".is_symlink()",
                ".canonicalize()",
                ".metadata()",
                ".symlink_metadata()",
                ".read_dir()",
                ".read_link()",
            ])
        },
        broken: ("src/build/plan.rs", "use std::{collections::BTreeMap, env};\n"),
        kept: ("src/build/manifest/lock.rs", "use std::env;\n"),
    },
    Rule {
        name: "only `build/graph` names petgraph",
        check: |source| outside(source, &["src/build/graph"], &["petgraph"]),
        broken: ("src/build/plan.rs", "use petgraph::Graph;\n"),
        kept: ("src/build/graph/order.rs", "use petgraph::Graph;\n"),
    },
    Rule {
        name: "nobody calls `tarjan_scc`, which overflows the stack on deep graphs",
        check: |source| outside(source, &[], &["tarjan_scc", "TarjanScc"]),
        broken: ("src/build/graph.rs", "use petgraph::algo::tarjan_scc;\n"),
        kept: ("src/build/graph.rs", "use petgraph::algo::kosaraju_scc;\n"),
    },
    Rule {
        name: "only `build/scan`, `build/write` and `config/threads` name rayon",
        check: |source| outside(source, &["src/build/scan", "src/build/write", "src/config/threads"], &["rayon"]),
        broken: ("src/build/mod.rs", "use rayon::prelude::*;\n"),
        kept: ("src/build/write.rs", "use rayon::prelude::*;\n"),
    },
    Rule {
        name: "only `build/version` and `build/resolve` name the resolver's crates",
        check: |source| {
            let crates = ["vivacity_core", "vivacity_resolver", "vivacity"];
            outside(source, &["src/build/version", "src/build/resolve"], &crates)
        },
        broken: ("src/build/plan.rs", "let a = vivacity_resolver::parse(b);\n"),
        kept: ("src/build/version.rs", "use vivacity_resolver::Version;\n"),
    },
    Rule {
        name: "only `disk` writes files",
        check: |source| {
            let writing = [
                "File::create",
                "File::create_new",
                "File::options",
                "OpenOptions",
                "fs::write",
                "fs_err::write",
                "::rename(",
                "remove_file",
                "remove_dir",
                "remove_dir_all",
                "create_dir",
                "create_dir_all",
                "DirBuilder",
                "set_permissions",
                "set_len",
                "set_times",
                "set_modified",
                "hard_link",
                "soft_link",
                "unix::fs::symlink",
                "fs::copy",
                "fs_err::copy",
                "tempfile",
                "NamedTempFile",
                "TempDir",
                "renameat",
                "renameat_with",
                "unlinkat",
                "linkat",
                "symlinkat",
                "mkdirat",
                "openat",
                "openat2",
                "syncfs",
                "utimensat",
                "fchmod",
                "ftruncate",
            ];
            outside(source, &["src/disk"], &writing)
        },
        broken: ("src/build/write.rs", "use std::fs;\nfn a() { fs::write(b, c); }\n"),
        kept: ("src/disk.rs", "fn a() { std::fs::rename(b, c); }\n"),
    },
    Rule {
        name: "only `php` quotes PHP",
        check: quotes_php,
        broken: ("src/build/php/set.rs", "fn a() { format!(\"return '{path}';\") }\n"),
        kept: ("src/build/php/set.rs", "fn a() { format!(\"return {path};\") }\n"),
    },
    Rule {
        name: "only `process` spawns",
        check: |source| {
            outside(source, &["src/process"], &["std::process::Command", "process::Command", "Command::new"])
        },
        broken: ("src/git.rs", "use std::process::{Command, Stdio};\n"),
        kept: ("src/process.rs", "fn a() { std::process::Command::new(b) }\n"),
    },
    Rule {
        name: "only `fastcgi` and the server of webhooks open sockets",
        check: |source| {
            let sockets = [
                "unix::net",
                "rustix::net",
                "TcpStream",
                "TcpListener",
                "UdpSocket",
                "UnixStream",
                "UnixListener",
                "UnixDatagram",
                "fastcgi_client",
            ];
            outside(source, &["src/fastcgi", "src/deploy/watch/serve"], &sockets)
        },
        broken: ("src/run/mod.rs", "use std::{io, net::UdpSocket};\n"),
        kept: ("src/fastcgi.rs", "use std::net::TcpStream;\n"),
    },
    Rule {
        name: "only `report` prints",
        check: |source| {
            let printing = [
                "println!",
                "print!",
                "eprintln!",
                "eprint!",
                "stdout()",
                "stderr()",
                "io::stdout",
                "io::stderr",
                "anstream",
            ];
            outside(source, &["src/report"], &printing)
        },
        broken: ("src/main.rs", "fn main() { eprintln!(\"a\") }\n"),
        kept: ("src/report/terminal.rs", "fn a() { std::io::stdout() }\n"),
    },
    Rule {
        name: "nothing is unsafe and nothing unwraps outside tests",
        check: |source| {
            outside(source, &[], &["unsafe", ".unwrap()", ".expect(", ".unwrap_err()", ".unwrap_unchecked()"])
        },
        broken: ("src/key.rs", "fn a() { b.expect(\"c\") }\n"),
        kept: (
            "src/key.rs",
            "#[expect(dead_code)]\nfn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() { c.unwrap() }\n}\n",
        ),
    },
    Rule {
        name: "verbs do not import each other, leaves import no verb, and only the top knows the command line",
        check: imports_downwards,
        broken: ("src/build/plan.rs", "use crate::{config::wikis, farm};\n"),
        kept: ("src/build/plan.rs", "use crate::{farm, key::Key};\n"),
    },
    Rule {
        name: "no file is longer than 500 lines, no class of the runtime than 150",
        check: |source| {
            // The class loader has Composer's methods, each with what it is: its length is not ours to choose.
            let short = source.is_in("php") && source.path != "php/ClassLoader.php";
            let limit = if short { LONGEST_CLASS } else { LONGEST_FILE };
            let lines = source.raw.lines().count();
            if lines > limit { vec![format!("{lines} lines, at most {limit} are allowed")] } else { Vec::new() }
        },
        broken: ("php/Loader.php", LONG),
        kept: ("src/lib.rs", LONG),
    },
    Rule {
        name: "nothing is left to do",
        check: |source| {
            let mut found = source.places_of(&["todo!", "unimplemented!", "dbg!"]);
            found.extend(places(&source.raw, &["FIXME", "XXX", "TODO"]));
            found
        },
        broken: ("src/lib.rs", "// FIXME: later\n"),
        kept: ("src/lib.rs", "// Done.\n"),
    },
    Rule {
        name: "names say what things are: no utils, common, Manager, Handler",
        check: vague_names,
        broken: ("src/build/utils.rs", ""),
        kept: ("src/build/graph.rs", "/// For the common case.\nstruct Graph;\n"),
    },
];

/// 200 lines.
const LONG: &str = concat!(
    "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n",
    "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n",
    "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n",
    "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n",
    "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n",
);

/// Where a Rust file that is none of `modules` names one of the words.
fn outside(source: &Source, modules: &[&str], words: &[&str]) -> Vec<String> {
    if !source.is_rust() || source.is_in_any(modules) { Vec::new() } else { source.places_of(words) }
}

/// A literal that puts a value between quotes, or that escapes a quote, is quoting by hand. Where PHP is made, any
/// quotes around a value count; elsewhere only single ones directly around it (messages have backticks).
fn quotes_php(source: &Source) -> Vec<String> {
    if !source.is_rust() || source.is_in("src/php") {
        return Vec::new();
    }
    let makes_php = source.is_in_any(&["src/build/php", "src/config/local_settings"]);
    let quoting = source.literals.iter().filter(|(_, text)| {
        let text = text.replace("\\\"", "\"");
        let between = |quote: char| text.split(quote).skip(1).step_by(2).any(|inside| inside.contains('{'));
        let by_hand = text.contains("\\\\'") || text.contains("'{") && text.contains("}'");
        by_hand || makes_php && (between('\'') || between('"'))
    });
    quoting.map(|(line, text)| format!("{line}: {text:?}")).collect()
}

fn imports_downwards(source: &Source) -> Vec<String> {
    if !source.is_rust() || source.is_in_any(&["src/lib", "src/run", "src/main", "src/cli"]) {
        return Vec::new();
    }
    let own = VERBS.iter().find(|verb| source.is_in(&format!("src/{verb}")));
    let mut forbidden = vec!["crate::cli".to_owned(), "crate::run".to_owned()];
    forbidden.extend(VERBS.iter().filter(|verb| Some(verb) != own.as_ref()).map(|verb| format!("crate::{verb}")));
    source.places_of(&forbidden.iter().map(String::as_str).collect::<Vec<_>>())
}

fn vague_names(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for part in source.path.split(['/', '.']) {
        let lower = part.to_ascii_lowercase();
        let vague = ["util", "utils", "common", "misc", "helpers", "helper"].contains(&lower.as_str());
        if vague || lower.ends_with("manager") || lower.ends_with("handler") {
            found.push(format!("the name `{part}`"));
        }
    }
    let words: Vec<&str> = source.code.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    for pair in words.windows(2) {
        let defines = ["struct", "enum", "trait", "type", "mod", "class", "interface"].contains(&pair[0]);
        let vague =
            pair[1].ends_with("Manager") || pair[1].ends_with("Handler") || ["utils", "common"].contains(&pair[1]);
        if defines && vague {
            found.push(format!("the name `{}`", pair[1]));
        }
    }
    found
}
