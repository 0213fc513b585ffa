//! The measurement: every variant in turn on one worker, round by round.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::prepare::Combination;
use crate::server::{Pool, Settings};

/// How many hosts of a combination are asked for: enough to meet most parts of the wiki table.
const HOSTS: usize = 64;

/// How many requests of a variant go before each one that counts.
const WARM_UP: usize = 2;

/// One autoloader of a combination.
#[derive(Debug, Clone)]
pub(crate) struct Variant {
    pub(crate) kind: Kind,
    /// What is required.
    autoload: PathBuf,
    /// What every sample gave.
    pub(crate) samples: Vec<Sample>,
}

/// What a variant is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Composer's `dump-autoload -a`, for exactly this combination.
    ComposerAuthoritative,
    /// `mwfarm build -a`, the wiki found by its host.
    Compatible,
    /// `mwfarm build --autoloader fast`, the wiki found by its host.
    Fast,
    /// The compatible bundle, required directly: what it lacks is the look-up.
    Bundle,
    /// As `Compatible`, a list that no bundle was linked for.
    List,
    /// Composer's `dump-autoload -o`, for exactly this combination.
    ComposerOptimized,
    /// `mwfarm build -o`, the wiki found by its host.
    Optimized,
}

/// What one request took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sample {
    /// Microseconds of the bootstrap, of the classes, and of the misses.
    pub(crate) times: [f64; 3],
    /// KB after the bootstrap, and after everything.
    pub(crate) memory: [f64; 2],
}

impl Sample {
    pub(crate) fn sum(&self) -> f64 {
        self.times.iter().sum()
    }
}

/// A combination with all its autoloaders.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) combination: Combination,
    pub(crate) variants: Vec<Variant>,
    /// The names that are asked for.
    names: PathBuf,
    /// How many classes these are.
    pub(crate) classes: usize,
}

/// What was measured, and how.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) cases: Vec<Case>,
    /// PHP's version.
    pub(crate) php: String,
    /// Whether the worker had a core of its own.
    pub(crate) pinned: bool,
}

/// Starts a worker, checks that all variants load the same, and measures them.
pub(crate) fn run(directory: &Path, combinations: Vec<Combination>, rounds: usize) -> Result<Measured, String> {
    let settings = Settings::new(1)
        .ini("opcache.memory_consumption", "512")
        .ini("opcache.interned_strings_buffer", "64")
        .ini("opcache.max_accelerated_files", "130987")
        .ini("opcache.validate_timestamps", "0")
        .ini("opcache.jit", "disable")
        .ini("opcache.jit_buffer_size", "0")
        .ini("realpath_cache_size", "16M")
        .ini("realpath_cache_ttl", "86400")
        .ini("memory_limit", "512M")
        .ini("pcov.enabled", "0");
    let worker = Worker { pool: Pool::start(&settings), script: script() };
    let mut cases = Vec::new();
    for combination in combinations {
        let case = Case::new(&worker, directory, combination)?;
        cases.push(case);
    }
    let php = worker.version(directory)?;
    let pinned = worker.pin(&cases)?;
    // Every host once, so that all that is measured is in OPcache; and every variant some times more.
    for case in &cases {
        for wiki in 0..HOSTS.max(8) {
            for variant in &case.variants {
                worker.measure(case, variant, wiki)?;
            }
        }
    }
    let mut turn = 0x9e37_79b9_usize;
    for round in 0..rounds {
        for case in &mut cases {
            let count = case.variants.len();
            for place in 0..count {
                turn = turn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let index = (round + place) % count;
                // First for the processor's caches: what went before differs, and two variants share a bundle.
                for _ in 0..WARM_UP {
                    worker.measure(case, &case.variants[index], turn >> 33)?;
                }
                let sample = worker.measure(case, &case.variants[index], turn >> 33)?;
                case.variants[index].samples.push(sample);
            }
        }
    }
    Ok(Measured { cases, php, pinned })
}

impl Case {
    fn new(worker: &Worker, directory: &Path, combination: Combination) -> Result<Self, String> {
        let vendor = directory.join("tree/vendor");
        let variant = |kind: Kind, file: String| Variant { kind, autoload: vendor.join(file), samples: Vec::new() };
        let name = combination.name.clone();
        let mut variants = vec![
            variant(Kind::ComposerAuthoritative, format!("autoload-composer-{name}-a.php")),
            variant(Kind::Compatible, "autoload-a.php".to_owned()),
        ];
        if combination.wikis == 0 {
            variants[1].kind = Kind::List;
        } else {
            variants.push(variant(Kind::Fast, "autoload-fast.php".to_owned()));
            variants.push(variant(Kind::ComposerOptimized, format!("autoload-composer-{name}-o.php")));
            variants.push(variant(Kind::Optimized, "autoload-o.php".to_owned()));
        }
        let names = directory.join(format!("names-{name}.php"));
        fs::write(&names, worker.choose(&variants[0], &directory.join("skip.json"))?)
            .map_err(|error| format!("cannot write `{}`: {error}", names.display()))?;
        let mut case = Self { combination, variants, names, classes: 0 };
        if let Some([runtime, bundle]) = case.check(worker)? {
            let autoload = vendor.join(format!("autoload-bundle-{}.php", case.combination.name));
            let text = format!("<?php\n\nrequire '{runtime}';\n\nreturn require '{bundle}';\n");
            fs::write(&autoload, text).map_err(|error| format!("cannot write `{}`: {error}", autoload.display()))?;
            case.variants.push(Variant { kind: Kind::Bundle, autoload, samples: Vec::new() });
            case.check(worker)?;
        }
        Ok(case)
    }

    /// Checks that every variant is what it is meant to be and loads the same files for the same classes. Returns what
    /// the compatible one loads besides the look-up: the runtime's class that a bundle needs, and the bundle.
    fn check(&mut self, worker: &Worker) -> Result<Option<[String; 2]>, String> {
        let (mut first, mut bundle) = (None, None);
        for variant in &self.variants {
            let shown = worker.show(self, variant)?;
            let say = |what: String| format!("{:?} for `{}`: {what}", variant.kind, self.combination.name);
            let optimized = matches!(variant.kind, Kind::ComposerOptimized | Kind::Optimized);
            if shown.authoritative == optimized {
                return Err(say(format!("authoritative: {}", shown.authoritative)));
            }
            if let Some((class, _)) = shown.files.iter().find(|(_, file)| file.is_none()) {
                return Err(say(format!("no class `{class}`")));
            }
            if let Some(class) = shown.found.first() {
                return Err(say(format!("there is a class `{class}`")));
            }
            let function = if variant.kind == Kind::Fast { "Closure" } else { "array" };
            if shown.functions != [function] {
                return Err(say(format!("these autoload functions: {:?}", shown.functions)));
            }
            let own = |part: &str| shown.own.iter().find(|path| path.contains(part));
            let composer = matches!(variant.kind, Kind::ComposerAuthoritative | Kind::ComposerOptimized);
            let linked = !composer && variant.kind != Kind::List;
            if own("/vendor/bundle_").is_some() != linked {
                return Err(say(format!("these files: {:?}", shown.own)));
            }
            if variant.kind == Kind::Compatible {
                bundle = own("/Extensions.php")
                    .zip(own("/vendor/bundle_"))
                    .map(|(runtime, bundle)| [runtime, bundle].map(Clone::clone));
            }
            match &first {
                None => {
                    self.classes = shown.files.len();
                    first = Some(shown.files);
                }
                Some(files) => {
                    if let Some((class, file)) =
                        shown.files.iter().find(|(class, file)| files.get(*class) != Some(file))
                    {
                        return Err(say(format!("class `{class}` from {file:?}, not {:?}", files.get(class))));
                    }
                }
            }
        }
        Ok(bundle)
    }
}

/// What `show` of the script tells.
#[derive(Debug, Deserialize)]
struct Shown {
    files: BTreeMap<String, Option<String>>,
    found: Vec<String>,
    own: Vec<String>,
    authoritative: bool,
    functions: Vec<String>,
    worker: u32,
}

/// What `choose` of the script tells.
#[derive(Debug, Deserialize)]
struct Chosen {
    skip: Vec<String>,
    names: Option<String>,
}

struct Worker {
    pool: Pool,
    script: PathBuf,
}

impl Worker {
    fn measure(&self, case: &Case, variant: &Variant, wiki: usize) -> Result<Sample, String> {
        let answer = self.ask("measure", variant, &case.names, Some(case), wiki)?;
        let mut numbers = answer.split(' ').map(str::parse::<f64>);
        let mut next = || numbers.next().and_then(Result::ok).ok_or_else(|| format!("no measurement: {answer}"));
        let mut sample = Sample::default();
        for time in &mut sample.times {
            *time = next()? / 1e3;
        }
        for memory in &mut sample.memory {
            *memory = next()? / 1024.0;
        }
        Ok(sample)
    }

    fn show(&self, case: &Case, variant: &Variant) -> Result<Shown, String> {
        let answer = self.ask("show", variant, &case.names, Some(case), HOSTS - 1)?;
        serde_json::from_str(&answer).map_err(|error| format!("{:?}: {error}: {answer}", variant.kind))
    }

    /// Names that a variant can load, as the text of a file.
    fn choose(&self, variant: &Variant, skipped: &Path) -> Result<String, String> {
        let mut skip: Vec<String> = Vec::new();
        // Each try finds another class that does not load.
        for _ in 0..1000 {
            fs::write(skipped, serde_json::json!(skip).to_string())
                .map_err(|error| format!("cannot write `{}`: {error}", skipped.display()))?;
            let answer = self.ask("choose", variant, skipped, None, 0)?;
            let chosen: Chosen = serde_json::from_str(&answer).map_err(|error| format!("{error}: {answer}"))?;
            if let Some(names) = chosen.names {
                return Ok(names);
            }
            skip = chosen.skip;
        }
        Err(format!("too many classes of `{}` do not load", variant.autoload.display()))
    }

    /// Runs the script. Whatever PHP says besides is an error, except where classes are tried.
    fn ask(
        &self,
        task: &str,
        variant: &Variant,
        names: &Path,
        case: Option<&Case>,
        wiki: usize,
    ) -> Result<String, String> {
        let path = |path: &Path| path.to_str().map(str::to_owned).ok_or_else(|| format!("{}", path.display()));
        let (autoload, names) = (path(&variant.autoload)?, path(names)?);
        let mut parameters = vec![("BENCH_TASK", task), ("BENCH_AUTOLOAD", &autoload), ("BENCH_NAMES", &names)];
        let value = case.map(|case| {
            if variant.kind == Kind::List {
                case.combination.extensions.join(",")
            } else {
                case.combination.host(wiki % HOSTS.min(case.combination.wikis.max(1)))
            }
        });
        if let Some(value) = &value {
            let name = if variant.kind == Kind::List { "MWFARM_EXTENSIONS" } else { "HTTP_HOST" };
            parameters.push((name, value));
        }
        let response = self.pool.try_get(&self.script, &parameters).map_err(|error| format!("{error:?}"))?;
        let body = String::from_utf8_lossy(&response.body).into_owned();
        if task != "choose" && (response.status != 200 || !response.stderr.is_empty()) {
            let stderr = String::from_utf8_lossy(&response.stderr);
            return Err(format!("{:?}: status {}: {body}\n{stderr}", variant.kind, response.status));
        }
        Ok(body)
    }

    fn version(&self, directory: &Path) -> Result<String, String> {
        let script = directory.join("version.php");
        fs::write(&script, "<?php echo PHP_VERSION;").map_err(|error| format!("{}: {error}", script.display()))?;
        let response = self.pool.try_get(&script, &[]).map_err(|error| format!("{error:?}"))?;
        Ok(String::from_utf8_lossy(&response.body).into_owned())
    }

    /// Binds the worker to the last core, where the system can do that and has several.
    fn pin(&self, cases: &[Case]) -> Result<bool, String> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let Some(case) = cases.first().filter(|_| cores > 1) else { return Ok(false) };
        let worker = self.show(case, &case.variants[0])?.worker.to_string();
        let mut command = Command::new("taskset");
        command.args(["-cp", &(cores - 1).to_string(), &worker]).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(command.status().is_ok_and(|status| status.success()))
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/dispatch.php")
}
