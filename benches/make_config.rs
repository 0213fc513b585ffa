//! Writes a generated farm with settings, for scripts: `cargo bench --bench make_config -- DIRECTORY [--wikis 1000]`.
//!
//! `DIRECTORY/etc` has 40 settings files, which together give every wiki 500 settings: 10 of them have a value of their
//! own for each wiki, the others a default, one for a tag, and one for every fiftieth wiki. Every fifth is an array of
//! rights, which wikis add to. `DIRECTORY/tree` is a MediaWiki with nothing but what a build looks at, so that what is
//! measured is the configuration. Prints how many settings of how many wikis were written.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

const SETTINGS: usize = 500;
const FILES: usize = 40;
/// Settings with a value of its own for each wiki.
const OWN: usize = 10;

fn main() -> ExitCode {
    // Cargo adds `--bench`; with nothing else, as in a run of all benches, there is nothing to do.
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let texts: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (directory, wikis) = match texts[..] {
        [] => return ExitCode::SUCCESS,
        [directory] => (directory, Some(1000)),
        [directory, "--wikis", number] => (directory, number.parse().ok()),
        _ => ("-", None),
    };
    match wikis {
        Some(wikis) if !directory.starts_with('-') => done(write(Path::new(directory), wikis).map(|()| wikis)),
        _ => usage(),
    }
}

fn write(directory: &Path, wikis: usize) -> io::Result<()> {
    let tree = directory.join("tree");
    for (name, text) in [
        ("includes/Defines.php", "<?php\ndefine( 'MW_VERSION', '1.43.0' );\n"),
        ("includes/registration/ExtensionRegistry.php", "<?php\n"),
        ("composer.json", "{\"name\": \"mediawiki/core\"}\n"),
        ("vendor/composer/installed.json", "{\"packages\": [], \"dev\": false}\n"),
    ] {
        put(&tree.join(name), text)?;
    }
    let etc = directory.join("etc");
    put(&etc.join("mwfarm.yml"), "tree: ../tree\noutput: ../out\n")?;
    put(&etc.join("wikis.dblist"), &list(0..wikis, ""))?;
    put(&etc.join("small.dblist"), &list((0..wikis).step_by(3), "wiki"))?;
    let mut main = "farm:\n  server: '(?<wiki>[a-z0-9]+)\\.example\\.org'\n  variables: [{variable: wiki, file: wikis.dblist}]\n  \
                    suffix: wiki\n  wikiID: $wikiwiki\n  tags: {small: small.dblist}\n  config:\n"
        .to_owned();
    for file in 0..FILES {
        let _ = writeln!(main, "  - {{file: settings/{file}.yml, key: '{}'}}", key(file));
        put(&etc.join(format!("settings/{file}.yml")), &content(file, wikis))?;
    }
    put(&etc.join("farms.yml"), &main)
}

fn key(file: usize) -> &'static str {
    match file % 8 {
        0 => "default",
        4 => "small",
        _ => "*wiki",
    }
}

fn list(wikis: impl Iterator<Item = usize>, suffix: &str) -> String {
    wikis.fold(String::new(), |mut list, wiki| {
        let _ = writeln!(list, "w{wiki}{suffix}");
        list
    })
}

/// The settings whose number leaves `file` when divided by the number of files; those of a file for the tag are elsewhere,
/// too, so that every wiki has them.
fn content(file: usize, wikis: usize) -> String {
    let mut text = String::new();
    let here = if key(file) == "small" { file - 1 } else { file };
    let names = (here..SETTINGS).step_by(FILES);
    let more = (file + 1 < FILES && key(file + 1) == "small").then_some(file + 1);
    let names = if key(file) == "small" {
        names.collect()
    } else {
        names.chain(more.into_iter().flat_map(|more| (more..SETTINGS).step_by(FILES))).collect::<Vec<_>>()
    };
    for name in names {
        let rights = name % 5 == 0;
        if key(file) != "*wiki" {
            let value = if rights { array(name + file) } else { format!("value {name} of {file}") };
            let _ = writeln!(text, "wgSetting{name}: {value}");
            continue;
        }
        let _ = writeln!(text, "wgSetting{name}:");
        let value = |salt: usize| if rights { array(name + salt) } else { format!("it's value {name} of {salt}") };
        let _ = writeln!(text, "  default: {}", value(0));
        let own = if name < OWN * FILES && name % FILES == 1 { 1 } else { 50 };
        for wiki in (name % own..wikis).step_by(own) {
            let _ = writeln!(text, "  {}w{wiki}: {}", if rights { "+" } else { "" }, value(wiki % 100));
        }
    }
    text
}

/// Groups with rights.
fn array(salt: usize) -> String {
    let rights = |group: usize| {
        (0..8)
            .map(|right| format!("right{right}: {}", (right + group + salt).is_multiple_of(3)))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let groups = ["'*'", "user", "sysop"].iter().enumerate();
    let groups: Vec<String> = groups.map(|(at, group)| format!("{group}: {{{}}}", rights(at))).collect();
    format!("{{{}}}", groups.join(", "))
}

fn put(file: &Path, text: &str) -> io::Result<()> {
    fs::create_dir_all(file.parent().unwrap_or(file))?;
    fs::write(file, text)
}

#[expect(clippy::print_stderr, reason = "a program of its own")]
fn usage() -> ExitCode {
    eprintln!("usage: cargo bench --bench make_config -- DIRECTORY [--wikis N]");
    ExitCode::from(2)
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a program of its own")]
fn done(result: io::Result<usize>) -> ExitCode {
    match result {
        Ok(wikis) => {
            println!("{SETTINGS} settings of {wikis} wikis");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("make_config: {error}");
            ExitCode::FAILURE
        }
    }
}
