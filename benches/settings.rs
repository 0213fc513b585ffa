//! What it costs a request to find its wiki and to load its settings; a program for `benches/settings.sh`, which says
//! what is compared: `settings DIRECTORY [ROUNDS]`.

#[path = "../tests/fpm/server.rs"]
mod server;
#[path = "dispatch/statistics.rs"]
mod statistics;

use std::env;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use server::{Pool, Settings};
use statistics::{median, quantile};

/// How many requests of a variant go before each one that counts.
const WARM_UP: usize = 2;

/// How many wikis are asked for.
const HOSTS: usize = 16;

/// One way of starting.
struct Variant {
    name: &'static str,
    /// The file that a web server runs, relative to the directory.
    entry: &'static str,
    /// The wikis that the entry is for: one, or the first of the farm.
    hosts: usize,
    /// Microseconds of every request.
    samples: Vec<f64>,
}

fn main() -> ExitCode {
    // Cargo adds `--bench`; with nothing else, as in a run of all benches, there is nothing to do.
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let Some(directory) = arguments.first() else { return ExitCode::SUCCESS };
    let rounds = arguments.get(1).map_or(Some(150), |rounds| rounds.parse().ok());
    print(match rounds {
        Some(rounds) => run(Path::new(directory), rounds),
        None => Err("usage: settings DIRECTORY [ROUNDS]".to_owned()),
    })
}

fn run(directory: &Path, rounds: usize) -> Result<String, String> {
    let variant = |name, entry, hosts| Variant { name, entry, hosts, samples: Vec::new() };
    let mut variants = vec![
        variant("Composer's autoloader, LocalSettings.php by hand", "composer/index.php", 1),
        variant("mwfarm's bundle of the wiki, LocalSettings.php by hand", "bundle/index.php", 1),
        variant("mwfarm, one MediaWiki", "tree/index.php", HOSTS),
        variant("mwfarm, versions: through `www/index.php`", "out-versions/www/index.php", HOSTS),
    ];
    let settings = Settings::new(1)
        .ini("opcache.memory_consumption", "512")
        .ini("opcache.interned_strings_buffer", "64")
        .ini("opcache.validate_timestamps", "0")
        .ini("opcache.jit", "disable")
        .ini("opcache.jit_buffer_size", "0")
        .ini("realpath_cache_size", "16M")
        .ini("realpath_cache_ttl", "86400")
        .ini("pcov.enabled", "0");
    let pool = Pool::start(&settings);
    let mut shown: Option<String> = None;
    for variant in &variants {
        let own = ask(&pool, directory, variant, 0, "show")?;
        if own.is_empty() || shown.get_or_insert_with(|| own.clone()) != &own {
            return Err(format!("{}: other settings than the first\n{own}\n{shown:?}", variant.name));
        }
        for wiki in 0..variant.hosts.max(8) {
            ask(&pool, directory, variant, wiki, "measure")?;
        }
    }
    let pinned = pin(&pool, directory, &variants[0])?;
    for round in 0..rounds {
        let count = variants.len();
        for place in 0..count {
            let variant = &mut variants[(round + place) % count];
            for _ in 0..WARM_UP {
                ask(&pool, directory, variant, round, "measure")?;
            }
            let time = ask(&pool, directory, variant, round, "measure")?;
            variant.samples.push(time.parse::<f64>().map_err(|error| format!("{error}: {time}"))? / 1e3);
        }
    }
    let mut text = format!(
        "one worker{}, {rounds} requests of each variant, taking turns\n\n| start | time | of the first (quartiles) | of the second |\n|---|---|---|---|\n",
        if pinned { " on a core of its own" } else { ", not pinned" }
    );
    for variant in &variants {
        let ratios = |other: &Variant| -> Vec<f64> {
            variant.samples.iter().zip(&other.samples).map(|(own, other)| own / other).collect()
        };
        let first = ratios(&variants[0]);
        let _ = writeln!(
            text,
            "| {} | {:.1} µs | {:.3} ({:.3}–{:.3}) | {:.3} |",
            variant.name,
            median(&variant.samples),
            median(&first),
            quantile(&first, 0.25),
            quantile(&first, 0.75),
            median(&ratios(&variants[1])),
        );
    }
    Ok(text)
}

/// Runs a variant for a wiki. Whatever PHP says besides is an error.
fn ask(pool: &Pool, directory: &Path, variant: &Variant, wiki: usize, task: &str) -> Result<String, String> {
    let entry = directory.join(variant.entry);
    let script: PathBuf = directory.join("start.php");
    let host = format!("w{}.example.org", wiki % variant.hosts);
    let entry = entry.to_str().ok_or("a directory in UTF-8")?;
    let parameters = [("BENCH_ENTRY", entry), ("BENCH_TASK", task), ("HTTP_HOST", host.as_str())];
    let response = pool.try_get(&script, &parameters).map_err(|error| format!("{error:?}"))?;
    let body = String::from_utf8_lossy(&response.body).into_owned();
    if response.status != 200 || !response.stderr.is_empty() {
        let stderr = String::from_utf8_lossy(&response.stderr);
        return Err(format!("{}: status {}: {body}\n{stderr}", variant.name, response.status));
    }
    Ok(body)
}

/// Binds the worker to the last core, where the system can do that and has several.
fn pin(pool: &Pool, directory: &Path, variant: &Variant) -> Result<bool, String> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if cores < 2 {
        return Ok(false);
    }
    let worker = ask(pool, directory, variant, 0, "worker")?;
    let mut command = Command::new("taskset");
    command.args(["-cp", &(cores - 1).to_string(), &worker]).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(command.status().is_ok_and(|status| status.success()))
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a program of its own")]
fn print(done: Result<String, String>) -> ExitCode {
    match done {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("settings: {error}");
            ExitCode::FAILURE
        }
    }
}
