//! The runtime against Composer's best autoloader in a PHP-FPM worker; a program for `benches/dispatch.sh`, which
//! says what is compared.
//!
//! `dispatch prepare DIRECTORY` writes the tree and what Composer needs; `dispatch measure DIRECTORY` measures what
//! Composer and mwfarm have made of it, and prints the table. Both take the same options.

#[path = "farm/mod.rs"]
mod farm;
#[path = "farm/home.rs"]
mod home;
#[path = "dispatch/measure.rs"]
mod measure;
#[path = "dispatch/prepare.rs"]
mod prepare;
#[path = "../tests/fpm/server.rs"]
mod server;
#[path = "dispatch/statistics.rs"]
mod statistics;
#[path = "dispatch/table.rs"]
mod table;

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

/// What the command line says.
struct Options {
    directory: PathBuf,
    extensions: usize,
    sizes: Vec<usize>,
    wikis: usize,
    rounds: usize,
}

fn main() -> ExitCode {
    // Cargo adds `--bench`; with nothing else, as in a run of all benches, there is nothing to do.
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let Some((verb, arguments)) = arguments.split_first() else { return ExitCode::SUCCESS };
    let done = match (verb.as_str(), Options::read(arguments)) {
        ("prepare", Some(options)) => {
            let combinations = options.combinations();
            prepare::write(&options.directory, options.extensions, &combinations).map(|()| String::new())
        }
        ("measure", Some(options)) => {
            let measured = measure::run(&options.directory, options.combinations(), options.rounds);
            measured.map(|measured| table::text(&measured, options.rounds, options.wikis))
        }
        _ => {
            Err("usage: dispatch prepare|measure DIRECTORY [--extensions N] [--sizes \"N…\"] [--wikis N] [--rounds N]"
                .to_owned())
        }
    };
    print(done)
}

impl Options {
    fn read(arguments: &[String]) -> Option<Self> {
        let (directory, rest) = arguments.split_first().filter(|(first, _)| !first.starts_with('-'))?;
        let mut options = Self {
            directory: std::path::absolute(directory).ok()?,
            extensions: 50,
            sizes: vec![1, 5, 10, 20, 50],
            wikis: 100_000,
            rounds: 150,
        };
        let mut rest = rest.iter();
        while let Some(flag) = rest.next() {
            let mut number = || rest.next()?.parse::<usize>().ok().filter(|&number| number > 0);
            match flag.as_str() {
                "--extensions" => options.extensions = number().filter(|&number| number >= 10)?,
                "--wikis" => options.wikis = number()?,
                "--rounds" => options.rounds = number()?,
                "--sizes" => {
                    options.sizes = rest.next()?.split(' ').map(str::parse).collect::<Result<_, _>>().ok()?;
                }
                _ => return None,
            }
        }
        let possible = 1..=options.extensions;
        options.sizes.iter().all(|size| possible.contains(size)).then_some(options)
    }

    fn combinations(&self) -> Vec<prepare::Combination> {
        prepare::combinations(self.extensions, &self.sizes, self.wikis)
    }
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a program of its own")]
fn print(done: Result<String, String>) -> ExitCode {
    match done {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("dispatch: {error}");
            ExitCode::FAILURE
        }
    }
}
