//! Versions and constraints against Composer's own, over the facts of real extensions and over random ones.
//!
//! `MWFARM_ORACLE` names the directory that `tests/tools/composer-oracle.sh` made. The texts in `fixtures/semver`
//! are the constraints and versions that MediaWiki, its libraries and two dozen extensions use; `odd.txt` is made up.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use mwfarm::build::version::{self, Bound, Constraint};
use serde::Deserialize;

#[test]
fn real_and_odd_constraints_mean_what_they_mean_to_composer() {
    let odd = lines("odd.txt");
    let mut constraints = lines("constraints.txt");
    let mut versions = lines("versions.txt");
    constraints.extend(odd.clone());
    versions.extend(odd);
    assert!(constraints.len() > 550 && versions.len() > 200, "fixtures/semver is not complete");
    let compared = compare(&versions, &constraints);
    assert!(compared.parsed > 500, "only {} constraints are good: that proves little", compared.parsed);
    assert!(compared.met > 5_000, "only {} versions meet a constraint: that proves little", compared.met);
}

#[test]
fn random_constraints_mean_what_they_mean_to_composer() {
    let mut random = Random(0x6d77_6661_726d);
    let constraints: Vec<String> = (0..1500).map(|_| constraint(&mut random)).collect();
    let versions: Vec<String> = (0..400).map(|_| one_version(&mut random)).collect();
    let compared = compare(&versions, &constraints);
    assert!(compared.parsed > 400, "only {} constraints are good: that proves little", compared.parsed);
    assert!(compared.met > 5_000, "only {} versions meet a constraint: that proves little", compared.met);
}

/// What Composer says; the order is that of the questions.
#[derive(Deserialize)]
struct Answers {
    normalized: Vec<Option<String>>,
    branches: Vec<String>,
    numbers: Vec<Option<String>>,
    bounds: Vec<Option<(String, bool, bool)>>,
    checks: Vec<Option<(String, String)>>,
    matches: Vec<Option<String>>,
    pairs: Vec<Option<String>>,
    aliases: Vec<serde_json::Value>,
}

/// How much a comparison proves.
struct Compared {
    parsed: usize,
    met: usize,
}

#[track_caller]
fn compare(versions: &[String], constraints: &[String]) -> Compared {
    let answers = ask(versions, constraints);
    let mut differences = Vec::new();
    let mut differ = |what: &str, of: &str, ours: &str, composer: &str| {
        if ours != composer {
            differences.push(format!("{what} of {of:?}: {ours} here, {composer} in Composer"));
        }
    };
    for (index, version) in versions.iter().enumerate() {
        let ours = version::normalize(version).ok();
        differ("version", version, &format!("{ours:?}"), &format!("{:?}", answers.normalized[index]));
        let ours = version::normalize_branch(version).unwrap();
        differ("branch", version, &ours, &answers.branches[index]);
        let ours = version::branch_number(version);
        differ("branch number", version, &format!("{ours:?}"), &format!("{:?}", answers.numbers[index]));
    }
    let parsed: Vec<_> = constraints.iter().map(|text| Constraint::parse(text).ok()).collect();
    let mut met = 0;
    for (index, (text, ours)) in constraints.iter().zip(&parsed).enumerate() {
        differ("alias", text, &alias(text), &answers.aliases[index].to_string());
        differ("goodness", text, &ours.is_some().to_string(), &answers.bounds[index].is_some().to_string());
        let (Some(ours), Some((bound, inclusive, zero))) = (ours, &answers.bounds[index]) else { continue };
        let lower = ours.lower_bound();
        let shown = format!("{} {} {}", lower.version(), lower.is_inclusive(), lower.is_zero());
        differ("lower bound", text, &shown, &format!("{bound} {inclusive} {zero}"));
        let (id, words) = answers.checks[index].clone().unwrap();
        differ("check", text, &format!("{:?}", check(&lower)), &format!("{:?}", (id, words)));
        let bit = |met: bool| if met { '1' } else { '0' };
        let meets = |version: &Option<String>| bit(version.as_ref().is_some_and(|version| ours.matches(version)));
        let row: String = answers.normalized.iter().map(meets).collect();
        met += row.matches('1').count();
        differ("versions", text, &row, answers.matches[index].as_ref().unwrap());
        let meets =
            |other: &Option<Constraint>| bit(other.as_ref().is_some_and(|other| ours.matches_constraint(other)));
        let row: String = parsed.iter().map(meets).collect();
        differ("constraints", text, &row, answers.pairs[index].as_ref().unwrap());
    }
    let shown = differences[..differences.len().min(40)].join("\n");
    assert!(differences.is_empty(), "{} differences:\n{shown}", differences.len());
    Compared { parsed: parsed.iter().flatten().count(), met }
}

/// A bound as the platform check writes it, once as a number and once in words.
fn check(bound: &Bound) -> (String, String) {
    if bound.is_zero() {
        return (String::new(), String::new());
    }
    let operator = if bound.is_inclusive() { ">=" } else { ">" };
    (format!("{operator} {}", bound.php_version_id()), format!("{operator} {}", bound.php_version_text()))
}

/// An inline alias as the oracle gives it: `null` for none, `false` for a bad one.
fn alias(constraint: &str) -> String {
    match version::inline_alias(constraint) {
        Ok(None) => "null".to_owned(),
        Err(_) => "false".to_owned(),
        Ok(Some((version, alias))) => match (version::normalize(version), version::normalize(alias)) {
            (Ok(version), Ok(normalized)) => serde_json::json!([version, alias, normalized]).to_string(),
            _ => "false".to_owned(),
        },
    }
}

fn ask(versions: &[String], constraints: &[String]) -> Answers {
    let oracle = std::env::var("MWFARM_ORACLE").unwrap_or_else(|_| {
        panic!("MWFARM_ORACLE is not set; `tests/tools/composer-oracle.sh DIR` makes the directory that it names")
    });
    let oracle = PathBuf::from(oracle);
    let mut child = Command::new(oracle.join("bin/php84"))
        .args(["-d", "error_reporting=0", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/semver.php")])
        .env("COMPOSER_AUTOLOAD", oracle.join("root/usr/share/php/Composer/autoload.php"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot run PHP in {}: {error}", oracle.display()));
    let questions = serde_json::json!({ "versions": versions, "constraints": constraints }).to_string();
    // PHP reads all of it before it writes.
    child.stdin.take().unwrap().write_all(questions.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn lines(file: &str) -> Vec<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/semver").join(file);
    std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
}

/// A xorshift generator: the same texts in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

fn one_version(random: &mut Random) -> String {
    const SUFFIXES: &[&str] = &[
        "", "", "", "", "", "-dev", ".x-dev", "-beta", "-beta.2", "RC1", "-alpha3", "-p1", ".x", ".*", "+b", "@dev",
        "-x",
    ];
    if random.below(12) == 0 {
        return random.pick(&["dev-main", "dev-a/b", "main", "master", "dev-1.x", "9999999-dev"]).to_owned();
    }
    let mut text = random.pick(&["", "", "", "v"]).to_owned();
    for part in 0..=random.below(4) {
        if part > 0 {
            text.push('.');
        }
        text.push_str(&random.below([3, 12, 4, 3][part]).to_string());
    }
    text + random.pick(SUFFIXES)
}

fn constraint(random: &mut Random) -> String {
    const OPERATORS: &[&str] =
        &["", "", "^", "^", "^", "~", "~", ">=", ">", "<", "<=", "!=", "=", "==", "<>", ">= ", "~>", "^ "];
    const BETWEEN: &[&str] = &[" ", ",", ", ", " || ", "||", "|", " | ", " - ", " as ", "  "];
    let mut text = String::new();
    for part in 0..=random.below(3) {
        if part > 0 {
            text.push_str(random.pick(BETWEEN));
        }
        text.push_str(random.pick(OPERATORS));
        text.push_str(&one_version(random));
    }
    text
}
