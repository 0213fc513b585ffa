//! `doctor`: looks at a tree, asks PHP what only PHP knows, and tells what was found.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::problem::problems;
use super::{Means, WIKIS, farm, formatted, request_of};
use crate::build::doctor::finding::{Case, Code, Concern, Finding, Severity};
use crate::build::doctor::{self, ClassLists, Examination, Php, PhpKind};
use crate::build::scan::ClassName;
use crate::build::{Error, Request, published};
use crate::cli::{self, Inputs};
use crate::disk;
use crate::farm::Farm;
use crate::php;
use crate::process::{Environment, Program, Status};
use crate::report::diagnosis::{self, Detail, Diagnosis};
use crate::report::{ExitCode, Output, Problem, Reporter};

/// What PHP runs to list classes.
const CLASSES: &str = include_str!("../../php/doctor/classes.php");

/// What PHP runs to say what it is.
const SETTINGS: &str = include_str!("../../php/doctor/settings.php");

/// How long PHP may take for all classes: those of MediaWiki take less than a second.
const TIME: Duration = Duration::from_secs(600);

/// How long it may take to say what it is.
const SHORT_TIME: Duration = Duration::from_secs(20);

/// The most that PHP may say.
const MAX_OUTPUT: usize = 256 << 20;

/// How many characters of a file's error are shown.
const MOST_SHOWN: usize = 2000;

/// Fewer files than these are not worth another process.
const FEW: usize = 500;

pub(super) fn run(
    tree: &Path,
    flags: &cli::Doctor,
    means: &Means,
    global: &cli::Global,
    reporter: &dyn Reporter,
) -> Result<Output, Vec<Problem>> {
    let inputs = Inputs { output: flags.output.clone(), ..Inputs::default() };
    // Without its wikis, there is still a tree.
    let (farm, unlisted) = match wikis(tree, flags) {
        Ok(farm) => (farm, Vec::new()),
        Err(problems) if problems.iter().any(|problem| problem.exit == ExitCode::Usage) => return Err(problems),
        Err(problems) => (Farm::default(), problems),
    };
    let request = request_of(tree, &inputs, farm, means);
    let list = unlisted.into_iter().map(|problem| unreadable(problem, flags.wikis.is_none().then_some(WIKIS)));
    let mut unread: Vec<Finding> = list.collect();
    let examination = match doctor::examine(&request, unread.is_empty(), reporter) {
        Ok(examination) => examination,
        Err(error) => {
            unread.extend(stopped(&request, error));
            doctor::finding::sort(&mut unread);
            return answer(&diagnosis(None, None, unread), flags, global);
        }
    };
    let jobs = global.jobs.map_or_else(|| std::thread::available_parallelism().map_or(1, Into::into), Into::into);
    let lists = class_lists(&flags.php, tree, &examination, jobs);
    let php = server(flags);
    let mut findings = examination.findings(lists.as_ref().ok(), php.as_ref().ok());
    findings.append(&mut unread);
    for (what, error) in [
        ("class lists were not compared with PHP's", lists.as_ref().err()),
        ("platform requirements and OPcache's limits were not checked", php.as_ref().err()),
    ] {
        if let Some(error) = error {
            let hint = "name a PHP with `--php`, and the php-fpm that serves wikis with `--fpm`";
            findings.push(Finding::new(Code::Php, Severity::Note, format!("{what}: {error}"), hint));
        }
    }
    doctor::finding::sort(&mut findings);
    answer(&diagnosis(Some(&examination), php.ok(), findings), flags, global)
}

fn answer(diagnosis: &Diagnosis, flags: &cli::Doctor, global: &cli::Global) -> Result<Output, Vec<Problem>> {
    let detail = match global.verbose {
        _ if global.quiet => Detail::Warnings,
        0 => Detail::Summary,
        _ => Detail::Everything,
    };
    let fails = diagnosis.errors > 0 || flags.strict && diagnosis.warnings > 0;
    let exit = if fails { ExitCode::Failed } else { ExitCode::Done };
    Ok(Output::done(formatted(flags.format, || diagnosis.text(detail), || diagnosis.json())?).exit(exit))
}

/// What stopped the examination: each manifest that cannot be read, else what a build would say.
fn stopped(request: &Request, error: Error) -> Vec<Finding> {
    match error {
        Error::Manifest(first) => {
            let errors = doctor::unreadable(request, first).into_iter();
            errors
                .flat_map(|error| {
                    let (file, field) = (error.file().to_owned(), error.field().map(str::to_owned));
                    let problems = problems(&request.tree, Error::Manifest(error));
                    problems.into_iter().map(move |problem| {
                        let mut finding = unreadable(problem, Some(&file));
                        finding.field.clone_from(&field);
                        finding
                    })
                })
                .collect()
        }
        Error::Published(error) => {
            let file = match &error {
                published::Error::OriginalLost(_) | published::Error::Manifest(_) | published::Error::Schema { .. } => {
                    Some(format!("vendor/{}", published::MANIFEST))
                }
                published::Error::Link(name) => Some(format!("vendor/{name}")),
                published::Error::Read(_) => None,
            };
            let problems = problems(&request.tree, Error::Published(error)).into_iter();
            problems.map(|problem| unreadable(problem, file.as_deref())).collect()
        }
        error => problems(&request.tree, error).into_iter().map(|problem| unreadable(problem, None)).collect(),
    }
}

fn unreadable(problem: Problem, file: Option<&str>) -> Finding {
    let what = std::iter::once(problem.what).chain(problem.causes).collect::<Vec<_>>().join(": ");
    // What a stranger wrote may have millions of characters.
    let what: String = what.chars().take(MOST_SHOWN).collect();
    let hint = problem.hint.unwrap_or_else(|| "mend it, and ask again: the rest was not looked at".to_owned());
    let finding = Finding::new(Code::UnreadableInput, Severity::Error, what, hint);
    match file {
        Some(file) => finding.at(file, ""),
        None => finding,
    }
}

/// The wikis of the farm; a tree without any can be looked at, too.
fn wikis(tree: &Path, flags: &cli::Doctor) -> Result<Farm, Vec<Problem>> {
    let inputs = Inputs { wikis: flags.wikis.clone(), config: flags.config.clone(), ..Inputs::default() };
    if super::is_farm(tree, &inputs)? {
        return farm::of_tree(tree, &flags.config);
    }
    match &flags.wikis {
        None if !tree.join(WIKIS).exists() => Ok(Farm::default()),
        file => super::farm(tree, file.as_deref()),
    }
}

/// What PHP's tokenizer finds in the files that were scanned; why not, in words, else.
fn class_lists(php: &Path, tree: &Path, examination: &Examination, jobs: usize) -> Result<ClassLists, String> {
    let tree = disk::real_path(tree).map_err(|error| error.to_string())?;
    let files = examination.scanned_files();
    let share = files.len().div_ceil(jobs.min(files.len().div_ceil(FEW)).max(1)).max(1);
    let lists: Vec<Result<ClassLists, String>> = std::thread::scope(|scope| {
        let shares = files.chunks(share).map(|share| scope.spawn(|| class_lists_of(php, &tree, share)));
        let running: Vec<_> = shares.collect();
        let joined = running.into_iter().map(std::thread::ScopedJoinHandle::join);
        joined.map(|joined| joined.unwrap_or_else(|_| Err("a thread died".to_owned()))).collect()
    });
    let mut all = ClassLists::new();
    for list in lists {
        all.extend(list?);
    }
    Ok(all)
}

fn class_lists_of(php: &Path, tree: &Path, files: &[&str]) -> Result<ClassLists, String> {
    let mut input = Vec::new();
    for file in files {
        input.extend_from_slice(tree.join(file).as_os_str().as_encoded_bytes());
        input.push(0);
    }
    let output = said(&program(php, script(CLASSES)), Some(&input), TIME)?;
    let lines: Vec<&[u8]> = output.split(|byte| *byte == b'\n').collect();
    if lines.len() != files.len() + 1 {
        return Err(format!("`{}` listed {} of {} files", php.display(), lines.len().saturating_sub(1), files.len()));
    }
    let mut lists = ClassLists::new();
    for (file, line) in files.iter().zip(lines) {
        // What PHP cannot read, the scan has read: it was removed just now.
        if line != b"!" {
            let names = line.split(|byte| *byte == b' ').filter(|name| !name.is_empty());
            lists.insert((*file).to_owned(), names.filter_map(ClassName::new).collect());
        }
    }
    Ok(lists)
}

/// The PHP that serves wikis, as far as that can be told: php-fpm, else that of the command line.
fn server(flags: &cli::Doctor) -> Result<Php, String> {
    if let Some(fpm) = &flags.fpm {
        return of_fpm(fpm, flags.php_ini.as_deref());
    }
    let cli = of_cli(&flags.php, flags.php_ini.as_deref());
    let version = cli.as_ref().ok().map(|cli| cli.version.split('.').take(2).collect::<Vec<_>>().join("."));
    // Debian names it by its version.
    let named = version.iter().flat_map(|version| [format!("php-fpm{version}"), format!("/usr/sbin/php-fpm{version}")]);
    let mut candidates = named.chain(["php-fpm".to_owned()]).map(PathBuf::from);
    let fpm = candidates.find_map(|fpm| of_fpm(&fpm, flags.php_ini.as_deref()).ok());
    // Another version serves other wikis.
    let fpm = fpm.filter(|fpm| version.as_ref().is_none_or(|version| fpm.version.starts_with(version)));
    match fpm {
        Some(fpm) => Ok(fpm),
        None => cli,
    }
}

fn of_cli(php: &Path, ini: Option<&Path>) -> Result<Php, String> {
    #[derive(Deserialize)]
    struct Said {
        version: String,
        modules: BTreeMap<String, Option<String>>,
        opcache: Option<BTreeMap<String, String>>,
        ini: Option<String>,
    }
    let output = said(&with_ini(program(php, script(SETTINGS)), ini), None, SHORT_TIME)?;
    let said: Said =
        serde_json::from_slice(&output).map_err(|_| format!("`{}` says what is not understood", php.display()))?;
    Ok(Php {
        program: php.display().to_string(),
        kind: PhpKind::Cli,
        version: said.version,
        modules: said.modules,
        opcache: said.opcache,
        ini: said.ini,
    })
}

/// php-fpm runs no code, but says on the command line what `phpinfo()` would.
fn of_fpm(fpm: &Path, ini: Option<&Path>) -> Result<Php, String> {
    let ask = |flag: &str| said(&with_ini(program(fpm, vec![flag.to_owned()]), ini), None, SHORT_TIME);
    let (info, modules) = (ask("-i")?, ask("-m")?);
    let info = String::from_utf8_lossy(&info);
    let said: BTreeMap<&str, &str> =
        info.lines().filter_map(|line| line.split_once(" => ")).map(|(name, value)| (name.trim(), value)).collect();
    let version = said.get("PHP Version").ok_or_else(|| format!("`{}` is no php-fpm", fpm.display()))?;
    let modules = String::from_utf8_lossy(&modules);
    let modules: BTreeMap<String, Option<String>> = modules
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('['))
        .map(|module| (module.to_lowercase(), None))
        .collect();
    // `name => local value => master value`.
    let settings = said.iter().filter_map(|(name, value)| {
        let value = value.split(" => ").next().unwrap_or_default();
        Some((name.strip_prefix("opcache.")?.to_owned(), value.replace("no value", "")))
    });
    let ini = said.get("Loaded Configuration File").filter(|file| **file != "(none)");
    Ok(Php {
        program: fpm.display().to_string(),
        kind: PhpKind::Fpm,
        version: (*version).to_owned(),
        opcache: modules.contains_key("zend opcache").then(|| settings.collect()),
        modules,
        ini: ini.map(|file| (*file).to_owned()),
    })
}

fn script(text: &str) -> Vec<String> {
    let code = text.strip_prefix("<?php").unwrap_or(text);
    php::READING.iter().copied().chain(["-r", code]).map(str::to_owned).collect()
}

fn program(program: &Path, arguments: Vec<String>) -> Program {
    let nowhere = vec![("HOME".into(), "/nonexistent".into()), ("LC_ALL".into(), "C".into())];
    Program {
        program: program.to_owned(),
        arguments: arguments.into_iter().map(Into::into).collect(),
        // Not in the tree: PHP looks for php.ini where it works.
        directory: "/".into(),
        environment: Environment::Clean(nowhere),
        user: None,
        limits: None,
    }
}

fn with_ini(mut program: Program, ini: Option<&Path>) -> Program {
    if let Some(ini) = ini {
        let ini = std::path::absolute(ini).unwrap_or_else(|_| ini.to_owned());
        program.arguments.splice(0..0, ["-c".into(), ini.into()]);
    }
    program
}

/// What a program says, or why it says nothing.
fn said(program: &Program, input: Option<&[u8]>, time: Duration) -> Result<Vec<u8>, String> {
    let captured = match input {
        Some(input) => program.capture_with(input, MAX_OUTPUT, time),
        None => program.capture(MAX_OUTPUT, time),
    };
    let captured = captured.map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        format!("{error}{cause}")
    })?;
    if captured.status == Status::Exited(0) {
        return Ok(captured.output);
    }
    let messages = String::from_utf8_lossy(&captured.messages);
    let message = messages.lines().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    Err(format!("`{}` ended with {}: {message}", program.program.display(), captured.status.code()))
}

fn diagnosis(examination: Option<&Examination>, php: Option<Php>, findings: Vec<Finding>) -> Diagnosis {
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let (errors, warnings, notes) = (count(Severity::Error), count(Severity::Warning), count(Severity::Note));
    Diagnosis {
        schema: diagnosis::SCHEMA,
        php: php.map(|php| diagnosis::Php {
            program: php.program,
            kind: match php.kind {
                PhpKind::Cli => "cli",
                PhpKind::Fpm => "fpm",
            },
            version: php.version,
            ini: php.ini,
            opcache: php.opcache,
        }),
        opcache: examination.map(Examination::sizes).map(|sizes| diagnosis::Needs {
            files: sizes.files,
            keys: sizes.keys(),
            memory_mib: sizes.memory(),
            interned_strings_mib: sizes.strings(),
        }),
        findings: findings.into_iter().map(shown).collect(),
        errors,
        warnings,
        notes,
    }
}

fn shown(finding: Finding) -> diagnosis::Finding {
    let wikis = |concern: Concern| match concern {
        Concern::All => diagnosis::Wikis::All,
        Concern::Wikis(wikis) => diagnosis::Wikis::These(wikis),
    };
    let case = |case: Case| diagnosis::Case { what: case.what, wikis: wikis(case.wikis) };
    diagnosis::Finding {
        code: finding.code.name(),
        severity: match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        },
        what: finding.what,
        file: finding.file,
        field: finding.field,
        package: finding.package,
        extension: finding.extension,
        classes: finding.classes,
        cases: finding.cases.into_iter().map(case).collect(),
        wikis: wikis(finding.wikis),
        why: finding.code.why(),
        hint: finding.hint,
    }
}
