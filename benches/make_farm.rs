//! Writes a generated farm, for scripts: `cargo bench --bench make_farm -- TREE --extensions 50 [--home DIR]`.
//!
//! The tree lacks what Composer generates. With `--home`, a `COMPOSER_HOME` is written as well, whose only repository
//! offers just the packages of the farm, so that Composer needs no network. Prints how many PHP files were written.

mod farm;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};

use farm::Farm;
use serde_json::{Map, Value, json};

fn main() -> ExitCode {
    // Cargo adds `--bench`; with nothing else, as in a run of all benches, there is nothing to do.
    let mut arguments = env::args().skip(1).filter(|argument| argument != "--bench");
    let Some(tree) = arguments.next() else { return ExitCode::SUCCESS };
    let (mut extensions, mut home) = (50, None);
    while let Some(flag) = arguments.next() {
        match (flag.as_str(), arguments.next()) {
            ("--extensions", Some(number)) if number.parse().is_ok_and(|number: usize| number >= 10) => {
                extensions = number.parse().unwrap_or(extensions);
            }
            ("--home", Some(directory)) => home = Some(PathBuf::from(directory)),
            _ => return usage(),
        }
    }
    if tree.starts_with('-') { usage() } else { done(make(Path::new(&tree), extensions, home.as_deref())) }
}

fn make(tree: &Path, extensions: usize, home: Option<&Path>) -> io::Result<usize> {
    let farm = Farm::new(extensions);
    let files = farm.write(tree)?;
    home.map_or(Ok(()), |home| write_home(&farm, home))?;
    Ok(files)
}

fn write_home(farm: &Farm, home: &Path) -> io::Result<()> {
    let named = farm.packages.iter().map(|package| {
        let mut package = package.clone();
        if let Some(fields) = package.as_object_mut() {
            // These are about a package that is installed.
            fields.retain(|field, _| field != "install-path" && field != "installation-source");
        }
        let text = |field: &str| package[field].as_str().unwrap_or_default().to_owned();
        (text("name"), json!({ text("version"): package }))
    });
    let packages: Map<String, Value> = named.collect();
    let config = json!({
        "repositories": [
            { "type": "composer", "url": format!("file://{}", std::path::absolute(home)?.display()) },
            { "packagist": false },
        ],
        "config": { "preferred-install": "dist" },
    });
    fs::create_dir_all(home)?;
    fs::write(home.join("packages.json"), json!({ "packages": packages }).to_string())?;
    fs::write(home.join("config.json"), config.to_string())
}

#[expect(clippy::print_stderr, reason = "a program of its own")]
fn usage() -> ExitCode {
    eprintln!("usage: cargo bench --bench make_farm -- TREE [--extensions N (10 or more)] [--home DIR]");
    ExitCode::from(2)
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a program of its own")]
fn done(result: io::Result<usize>) -> ExitCode {
    match result {
        Ok(files) => {
            println!("{files}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("make_farm: {error}");
            ExitCode::FAILURE
        }
    }
}
