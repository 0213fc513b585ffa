//! The modes of *MediaWikiFarm/Internals* over their whole product: installation, cache, known environment, source of
//! versions, delayed upgrade, entry point, extension registration, loading mechanism.
//!
//! | mode | here |
//! |---|---|
//! | no cache | nothing is compiled |
//! | empty cache | what names settings files is there, and they are not |
//! | up to date | compiled from the files as they are |
//! | expired | a settings file was changed after that |
//! | known environment | the process is in the tree, and its settings file is chosen: the tree's own `index.php` with its `LocalSettings.php`, or `mwfarm run` |
//! | unknown environment | `www/index.php`, which chooses a tree first |
//! | delayed upgrade | `deployments`; in every farm another version is asked for than the one that its wikis ran on |
//!
//! Each farm is compiled once with `freshness: compiled`, and once with `check`.

mod corners;
mod farm;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::fpm::{Pool, Settings};
use farm::{Answer, Farm, Kind, Seen, leftovers};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mode {
    Mono,
    Multi,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cache {
    None,
    Empty,
    UpToDate,
    Expired,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Variables,
    VersionsFile,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Entry {
    Update,
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mechanism {
    Composer,
    Registration,
    RequireOnce,
    Both,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Case {
    mode: Mode,
    cache: Cache,
    known: bool,
    source: Source,
    delayed: bool,
    entry: Entry,
    registration: bool,
    mechanism: Mechanism,
}

impl Cache {
    const ALL: [Self; 4] = [Self::None, Self::Empty, Self::UpToDate, Self::Expired];

    /// The end of the name of the wikis that are updated then: afterwards they are no longer what they were.
    fn wiki(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Empty => "empty",
            Self::UpToDate => "fresh",
            Self::Expired => "expired",
        }
    }
}

impl Mechanism {
    const ALL: [Self; 4] = [Self::Composer, Self::Registration, Self::RequireOnce, Self::Both];

    /// The beginning of the names of its wikis.
    fn wiki(self) -> &'static str {
        match self {
            Self::Composer => "comp",
            Self::Registration => "reg",
            Self::RequireOnce => "old",
            Self::Both => "both",
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Self::Composer => "Comp",
            Self::Registration => "Reg",
            Self::RequireOnce => "Old",
            Self::Both => "Both",
        }
    }

    /// What turns its extension on.
    fn value(self) -> &'static str {
        match self {
            Self::Composer => "composer",
            Self::Registration => "wfLoadExtension",
            Self::RequireOnce => "require_once",
            Self::Both => "true",
        }
    }
}

/// The product.
fn cases() -> Vec<Case> {
    let both = [false, true];
    let mut cases = vec![];
    for mode in [Mode::Mono, Mode::Multi] {
        for cache in Cache::ALL {
            for known in both {
                for source in [Source::Variables, Source::VersionsFile] {
                    for delayed in both {
                        for entry in [Entry::Update, Entry::Other] {
                            for registration in both {
                                for mechanism in Mechanism::ALL {
                                    cases.push(Case {
                                        mode,
                                        cache,
                                        known,
                                        source,
                                        delayed,
                                        entry,
                                        registration,
                                        mechanism,
                                    });
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    cases
}

impl Case {
    /// Why there is no such case. All others are run: also where a mode changes nothing, as versions do without versions.
    fn impossible(self) -> Option<&'static str> {
        match (self.mode, self.known, self.entry) {
            (Mode::Mono, false, _) => {
                Some("with one MediaWiki there is none to be chosen: its own entry points run, and know where they are")
            }
            (Mode::Multi, false, Entry::Update) => {
                Some("update.php is none of the entry points in www/: `mwfarm run` starts it, in the tree")
            }
            _ => None,
        }
    }

    fn wiki(self) -> String {
        wiki(self.mechanism, (self.entry == Entry::Update).then_some(self.cache))
    }
}

fn wiki(mechanism: Mechanism, updated: Option<Cache>) -> String {
    format!("{}{}", mechanism.wiki(), updated.map_or("", Cache::wiki))
}

/// The wikis of every farm: for each mechanism, one that is asked, and one that is updated in each state of the cache.
fn wikis() -> Vec<String> {
    let updated = || Cache::ALL.into_iter().map(Some).chain([None]);
    Mechanism::ALL.into_iter().flat_map(|mechanism| updated().map(move |state| wiki(mechanism, state))).collect()
}

#[test]
fn every_case_is_run_or_named() {
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    let mut possible = 0;
    for case in cases() {
        match case.impossible() {
            Some(reason) => *reasons.entry(reason).or_default() += 1,
            None => possible += 1,
        }
    }
    let counts: Vec<usize> = reasons.values().copied().collect();
    assert_eq!((cases().len(), possible, counts), (1024, 640, vec![128, 256]), "{reasons:?}");
    assert!(reasons.keys().next().is_some_and(|reason| reason.starts_with("update.php")), "{reasons:?}");
}

#[test]
fn one_mediawiki_without_registration() {
    run(Mode::Mono, false, 128);
}

#[test]
fn one_mediawiki_with_registration() {
    run(Mode::Mono, true, 128);
}

#[test]
fn several_mediawikis_without_registration() {
    run(Mode::Multi, false, 192);
}

#[test]
fn several_mediawikis_with_registration() {
    run(Mode::Multi, true, 192);
}

/// Runs all cases of these kinds, on farms with both freshnesses.
fn run(mode: Mode, registration: bool, count: usize) {
    let wanted: BTreeSet<Case> = cases()
        .into_iter()
        .filter(|case| case.mode == mode && case.registration == registration && case.impossible().is_none())
        .collect();
    assert_eq!(wanted.len(), count);
    let pool = Pool::start(&Settings::new(1).ini("opcache.revalidate_freq", "0"));
    for checks in [false, true] {
        let mut ran = BTreeSet::new();
        for source in [Source::Variables, Source::VersionsFile] {
            for delayed in [false, true] {
                let kind = Kind { mode, source, delayed, registration, checks };
                ran.extend(Life { farm: Farm::new(kind, &wikis()), pool: &pool, sitename: "First".to_owned() }.all());
            }
        }
        assert!(ran == wanted, "not run: {:#?}", wanted.difference(&ran).collect::<Vec<_>>());
    }
}

/// A farm with what it should answer now.
struct Life<'p> {
    farm: Farm,
    pool: &'p Pool,
    /// What the files say, or said when they were compiled.
    sitename: String,
}

impl Life<'_> {
    /// All cases of a farm; says which.
    fn all(mut self) -> BTreeSet<Case> {
        let mut ran = BTreeSet::new();
        self.state(Cache::None, &mut ran);

        // The wikis run on the older version, and the newer one is asked for.
        self.farm.build();
        self.farm.set_version("1.50", &wikis());
        self.farm.build();
        self.state(Cache::UpToDate, &mut ran);

        self.farm.forget_settings();
        self.state(Cache::Empty, &mut ran);
        self.farm.build();
        self.nothing_has_changed_for(Cache::Empty);

        if !self.farm.kind.checks {
            // Long ago, so that nobody goes by its time.
            self.farm.set_sitename("Second", &wikis());
            let file = fs::File::options().write(true).open(self.farm.path("config/wikis.yml")).expect("a file");
            file.set_modified(std::time::UNIX_EPOCH).expect("a time");
        }
        self.state(Cache::Expired, &mut ran);
        self.broken();
        if self.farm.kind.checks {
            self.other_extensions();
        }
        assert_eq!(leftovers(&self.farm.path("output")), Vec::<String>::new());
        ran
    }

    fn state(&mut self, cache: Cache, ran: &mut BTreeSet<Case>) {
        let Kind { mode, source, delayed, registration, checks } = self.farm.kind;
        let here = cases().into_iter().filter(|case| {
            (case.mode, case.cache, case.source) == (mode, cache, source)
                && (case.delayed, case.registration) == (delayed, registration)
                && case.impossible().is_none()
        });
        for case in here {
            if cache == Cache::Expired && checks {
                // Each time another one: what the case before has compiled has expired again.
                self.sitename = format!("Expired {}", ran.len());
                self.farm.set_sitename(&self.sitename, &wikis());
            }
            let name = case.wiki();
            let answer = match (case.entry, mode, case.known) {
                (Entry::Update, ..) => self.farm.run("update", &name),
                (Entry::Other, Mode::Multi, true) => self.farm.run("show", &name),
                (Entry::Other, ..) => self.farm.web(self.pool, &name),
            };
            assert_eq!(answer, self.expected(case), "{case:?}, checks: {checks}");
            if case.entry == Entry::Update && matches!(answer, Answer::Page(_)) {
                self.is_active(case);
            }
            if (mode, case.entry) == (Mode::Mono, Entry::Other) {
                let by_run = match self.expected(case) {
                    Answer::Page(seen) => Answer::Page(Seen { script: "show".to_owned(), ..seen }),
                    Answer::Fatal => Answer::Ended(5),
                    _ => Answer::Ended(1),
                };
                assert_eq!(self.farm.run("maintenance/show.php", &name), by_run, "{case:?}");
            }
            ran.insert(case);
        }
    }

    fn expected(&self, case: Case) -> Answer {
        let by_run = case.entry == Entry::Update || (case.mode, case.known) == (Mode::Multi, true);
        match (case.cache, case.mode) {
            (Cache::None, _) if by_run => Answer::Ended(5),
            (Cache::None, Mode::Mono) => Answer::Fatal,
            (Cache::None, Mode::Multi) => Answer::Absent,
            (Cache::Empty, _) if by_run => Answer::Ended(1),
            (Cache::Empty, _) => Answer::Unavailable,
            (Cache::UpToDate | Cache::Expired, _) => {
                let newer = !case.delayed || case.entry == Entry::Update;
                self.page(case, if newer { "1.50" } else { "1.40" })
            }
        }
    }

    /// What the wiki of a case shows on this version.
    fn page(&self, case: Case, version: &str) -> Answer {
        let (tree, release, version) = match (case.mode, version) {
            (Mode::Mono, _) => ("mediawiki", "1.41.0", ""),
            (Mode::Multi, "1.40") => ("1.40", "1.40.9", "1.40"),
            (Mode::Multi, _) => ("1.50", "1.50.1", "1.50"),
        };
        let loads: &[&str] = match (case.registration, case.mechanism) {
            (true, Mechanism::Composer) => &["wfLoadExtension Dep", "wfLoadExtension Comp", "wfLoadSkin Plain"],
            (true, Mechanism::Registration) => &["wfLoadExtension Reg", "wfLoadSkin Plain"],
            (true, Mechanism::RequireOnce) => &["require_once extensions/Old", "wfLoadSkin Plain"],
            (true, Mechanism::Both) => &["wfLoadExtension Both", "wfLoadSkin Plain"],
            // It has no PHP file: its packages are all that there is of it. Manifests are nothing to this MediaWiki.
            (false, Mechanism::Composer | Mechanism::Registration) => &["require_once skins/Plain"],
            (false, Mechanism::RequireOnce) => &["require_once extensions/Old", "require_once skins/Plain"],
            (false, Mechanism::Both) => &["require_once extensions/Both", "require_once skins/Plain"],
        };
        let mut settings: BTreeMap<String, serde_json::Value> = BTreeMap::from([
            ("Sitename".to_owned(), self.sitename.clone().into()),
            ("Rights".to_owned(), serde_json::json!({ "read": true, "edit": false })),
            ("SeenVersion".to_owned(), version.into()),
        ]);
        for mechanism in Mechanism::ALL {
            let stays_off = mechanism == Mechanism::Registration && !case.registration;
            let on = (mechanism == case.mechanism).then_some(!stays_off);
            settings.insert(format!("UseExtension{}", mechanism.extension()), on.into());
        }
        Answer::Page(Seen {
            tree: tree.to_owned(),
            release: release.to_owned(),
            script: if case.entry == Entry::Update {
                "update"
            } else if (case.mode, case.known) == (Mode::Multi, true) {
                "show"
            } else {
                "index"
            }
            .to_owned(),
            settings,
            loads: loads.iter().map(|&load| load.to_owned()).collect(),
            library: case.mechanism == Mechanism::Composer,
        })
    }

    /// After update.php, the version that was asked for answers.
    fn is_active(&self, case: Case) {
        let index = Case { entry: Entry::Other, known: case.mode == Mode::Mono, ..case };
        assert_eq!(self.farm.web(self.pool, &case.wiki()), self.page(index, "1.50"), "{case:?}");
    }

    /// Wikis of which update.php could not run answer as before.
    fn nothing_has_changed_for(&self, cache: Cache) {
        let Kind { mode, source, delayed, registration, .. } = self.farm.kind;
        for mechanism in Mechanism::ALL {
            let known = mode == Mode::Mono;
            let entry = Entry::Other;
            let case = Case { mode, cache, known, source, delayed, entry, registration, mechanism };
            let answer = self.farm.web(self.pool, &wiki(mechanism, Some(cache)));
            assert_eq!(answer, self.page(case, if delayed { "1.40" } else { "1.50" }), "{case:?}");
        }
    }

    /// A configuration with errors: the last good one counts, and somebody says so.
    fn broken(&mut self) {
        let Kind { mode, source, delayed, registration, checks } = self.farm.kind;
        self.farm.write("config/wikis.yml", "wgSitename: { default: [\n");
        if !checks {
            self.farm.build_in_vain();
        }
        let known = mode == Mode::Mono;
        let (entry, mechanism, cache) = (Entry::Other, Mechanism::Composer, Cache::Expired);
        let case = Case { mode, cache, known, source, delayed, entry, registration, mechanism };
        let (answer, said, _) = self.farm.ask(self.pool, &case.wiki());
        assert_eq!(answer, self.expected(case), "{case:?}");
        let expected = "mwfarm: the farm cannot be compiled (exit 5), the last good one counts: error: wikis.yml:";
        assert_eq!(said.contains(expected), checks, "{said}");
        assert!(said.is_empty() || checks, "{said}");
    }

    /// A wiki gets another extension, while requests look for changes: what is loaded already cannot be taken back.
    fn other_extensions(&mut self) {
        let Kind { mode, source, delayed, registration, .. } = self.farm.kind;
        "Both".clone_into(&mut self.sitename);
        self.farm.set_sitename("Both", &wikis());
        let file = self.farm.path("config/wikis.yml");
        let text = fs::read_to_string(&file).expect("a file");
        let text = text.replace("wgUseExtensionBoth: { ", "wgUseExtensionBoth: { comp: true, ");
        fs::write(&file, text).expect("written");

        let known = mode == Mode::Mono;
        let (entry, mechanism, cache) = (Entry::Other, Mechanism::Composer, Cache::Expired);
        let case = Case { mode, cache, known, source, delayed, entry, registration, mechanism };
        if mode == Mode::Mono {
            let (answer, _, headers) = self.farm.ask(self.pool, &case.wiki());
            assert_eq!(answer, Answer::Unavailable, "{case:?}");
            for header in ["Refresh", "Retry-After"] {
                assert!(headers.contains(&(header.to_owned(), "1".to_owned())), "{headers:?}");
            }
        }
        let Answer::Page(mut page) = self.expected(case) else { panic!("a page") };
        page.settings.insert("UseExtensionBoth".to_owned(), true.into());
        let both = if registration { "wfLoadExtension Both" } else { "require_once extensions/Both" };
        page.loads.insert(0, both.to_owned());
        assert_eq!(self.farm.web(self.pool, &case.wiki()), Answer::Page(page), "{case:?}");
    }
}
