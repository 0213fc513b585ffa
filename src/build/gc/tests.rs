use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::history;
use super::*;

/// A vendor directory on paper: what is published, interrupted, rolled back to and collected, as the steps of the real
/// ones leave it.
struct Vendor {
    manifest: Option<Manifest>,
    /// The generation that the dispatcher names.
    live: Option<Key>,
    /// What `mwfarm_extensions.php` names, which is replaced before the dispatcher.
    also: Option<Key>,
    present: BTreeSet<Generated>,
    /// What each generation is made of.
    made_of: BTreeMap<Key, BTreeSet<Generated>>,
    /// Every generation that was served, and until when; the present one has no end.
    served: Vec<(Key, Option<u64>)>,
    switched: u64,
    now: u64,
}

#[derive(Debug, Clone)]
enum Step {
    /// A build, which is interrupted after so many of its steps.
    Build { generation: u8, interrupted: Option<u8> },
    /// `rollback`, likewise.
    Rollback { interrupted: bool },
    /// Time passes, in seconds.
    Wait(u16),
    /// `gc`, which is interrupted after so many names.
    Collect { keep: u8, interrupted: Option<u8> },
    /// Somebody removes a name.
    Remove(u8),
}

fn key(text: &str) -> Key {
    Key::of(text.as_bytes())
}

/// A generation has a table of its own, and shares sets with its neighbours.
fn names_of(generation: u8) -> BTreeSet<Generated> {
    let set = |set: u8| Generated::Set(key(&format!("set {set}")));
    let bundle = |bundle: u8| Generated::Bundle(key(&format!("bundle {bundle}")));
    BTreeSet::from([
        Generated::Runtime(key("runtime")),
        Generated::Wikis(key(&format!("generation {generation}"))),
        set(generation / 2),
        set(generation / 3 + 50),
        bundle(generation / 2),
        bundle(100 + generation),
    ])
}

fn digests(names: &BTreeSet<Generated>) -> BTreeMap<String, String> {
    let file = |name: &Generated| if name.is_directory() { format!("{name}/set.json") } else { name.to_string() };
    names.iter().map(|name| (file(name), "digest".to_owned())).collect()
}

impl Vendor {
    fn new() -> Self {
        Self {
            manifest: None,
            live: None,
            also: None,
            present: BTreeSet::new(),
            made_of: BTreeMap::new(),
            served: Vec::new(),
            switched: 0,
            now: 1_000_000,
        }
    }

    fn named(&self) -> BTreeSet<Key> {
        self.live.iter().chain(&self.also).cloned().collect()
    }

    fn switch(&mut self, generation: &Key) {
        self.also = Some(generation.clone());
        if self.live.as_ref() == Some(generation) {
            return;
        }
        if let Some((_, until)) = self.served.last_mut() {
            *until = Some(self.now);
        }
        self.served.push((generation.clone(), None));
        self.live = Some(generation.clone());
        self.switched = self.now;
    }

    fn build(&mut self, number: u8, interrupted: Option<u8>) {
        let generation = key(&format!("generation {number}"));
        let names = names_of(number);
        self.made_of.insert(generation.clone(), names.clone());
        let files = digests(&names);
        let (previous, retained) = match &self.manifest {
            None => (Vec::new(), BTreeMap::new()),
            Some(before) => {
                let known = before.files.iter().chain(&before.retained);
                let there = |file: &str| hashed(file).is_some_and(|name| self.present.contains(&name));
                let retained = known.filter(|(file, _)| !files.contains_key(*file) && there(file));
                let previous = history::before(&generation, before, self.live.as_ref(), self.now);
                (previous, retained.map(|(file, digest)| (file.clone(), digest.clone())).collect())
            }
        };
        self.manifest = Some(Manifest {
            bundles: Vec::new(),
            files,
            fixed: BTreeMap::from([("autoload.php".to_owned(), generation.to_string())]),
            generation: generation.clone(),
            inputs: BTreeMap::new(),
            links: BTreeMap::new(),
            order: Vec::new(),
            originals: BTreeMap::new(),
            previous,
            retained,
            schema: Manifest::schema(),
            sets: Vec::new(),
            union: String::new(),
            wikis: Vec::new(),
        });
        let reached = usize::from(interrupted.unwrap_or(u8::MAX));
        self.present.extend(names.into_iter().take(reached));
        match interrupted {
            Some(0..6) => {}
            Some(_) => self.also = Some(generation),
            None => self.switch(&generation),
        }
    }

    fn rollback(&mut self, interrupted: bool) {
        let (Some(manifest), Some(live)) = (&self.manifest, &self.live) else { return };
        let Some(target) = self.next() else { return };
        let again = {
            let generations = history::generations(manifest);
            let chosen = generations.iter().find(|known| *known.key() == target).copied().unwrap();
            let record = match chosen {
                Generation::Current(manifest) => history::Record::of(manifest),
                Generation::Previous(previous) => match previous.record.as_deref() {
                    Some(record) => record.clone(),
                    None => return,
                },
            };
            history::again(manifest, chosen, record, live, self.now)
        };
        self.manifest = Some(again);
        if !interrupted {
            self.switch(&target);
        }
    }

    /// Where `rollback` would go.
    fn next(&self) -> Option<Key> {
        let generations = history::generations(self.manifest.as_ref()?);
        let live = self.live.as_ref()?;
        let after = generations.iter().skip_while(|known| known.key() != live).skip(1);
        let target = after.copied().find(|known| !known.is_undone() && !known.is_skipped())?;
        target.names().is_subset(&self.present).then(|| target.key().clone())
    }

    fn collect(&mut self, keep: &Keep, interrupted: Option<u8>) -> Option<Plan> {
        let manifest = self.manifest.as_ref()?;
        let named = self.named();
        let plan = Plan::new(
            &Situation {
                manifest,
                live: self.live.as_ref(),
                named: &named,
                present: &self.present,
                linked: &BTreeSet::new(),
                switched: self.switched,
                now: self.now,
            },
            keep,
        )
        .ok()?;
        let reached = usize::from(interrupted.unwrap_or(u8::MAX));
        for name in plan.names.iter().take(reached) {
            self.present.remove(name);
        }
        if interrupted.is_none() {
            self.manifest = Some(without(&self.present, manifest, &plan));
        }
        Some(plan)
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..12u8, proptest::option::weighted(0.25, 0..8u8))
            .prop_map(|(generation, interrupted)| Step::Build { generation, interrupted }),
        2 => proptest::bool::weighted(0.2).prop_map(|interrupted| Step::Rollback { interrupted }),
        3 => prop_oneof![1..60u16, 600..4000u16].prop_map(Step::Wait),
        4 => (2..5u8, proptest::option::weighted(0.2, 0..4u8))
            .prop_map(|(keep, interrupted)| Step::Collect { keep, interrupted }),
        1 => (0..6u8).prop_map(Step::Remove),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever was built, interrupted, rolled back and collected in whatever order: what wikis are served, and were
    /// served within the time of grace, is there as a whole; so is what `rollback` would go to; nothing is removed that
    /// no manifest listed; and what was not removed can be later.
    #[test]
    fn only_what_nobody_uses_is_removed(
        steps in proptest::collection::vec(step(), 1..40),
        grace in prop_oneof![Just(60u64), Just(900), Just(3600)],
    ) {
        let mut vendor = Vendor::new();
        let mut spoilt: BTreeSet<Generated> = BTreeSet::new();
        for step in steps {
            match step {
                Step::Build { generation, interrupted } => {
                    vendor.build(generation, interrupted);
                    spoilt.retain(|name| !vendor.present.contains(name));
                }
                Step::Rollback { interrupted } => vendor.rollback(interrupted),
                Step::Wait(seconds) => vendor.now += u64::from(seconds),
                Step::Remove(number) => {
                    let gone = vendor.present.iter().nth(usize::from(number)).cloned();
                    spoilt.extend(gone.iter().cloned());
                    vendor.present.retain(|name| Some(name) != gone.as_ref());
                }
                Step::Collect { keep, interrupted } => {
                    let keep = Keep {
                        generations: usize::from(keep),
                        grace,
                    };
                    let next = vendor.next();
                    let listed = vendor.manifest.as_ref().map(Manifest::names).unwrap_or_default();
                    let before = vendor.present.clone();
                    let Some(plan) = vendor.collect(&keep, interrupted) else { continue };
                    prop_assert!(plan.names.is_subset(&listed));
                    let is_whole = |generation: &Key| {
                        vendor.made_of[generation].iter().all(|name| {
                            vendor.present.contains(name) || spoilt.contains(name) || !before.contains(name)
                        })
                    };
                    for (generation, until) in &vendor.served {
                        let in_use = until.is_none_or(|until| vendor.now - until < grace);
                        prop_assert!(!in_use || is_whole(generation), "{generation} was in use");
                    }
                    for named in vendor.named() {
                        prop_assert!(is_whole(&named), "{named} is named");
                    }
                    if let Some(next) = next {
                        prop_assert_eq!(vendor.next(), Some(next));
                    }
                }
            }
        }
        // In the end everything goes but what is kept.
        vendor.now += 1_000_000;
        let keep = Keep { generations: 2, grace };
        if let Some(plan) = vendor.collect(&keep, None) {
            let kept: BTreeSet<Generated> =
                plan.kept.iter().flat_map(|(generation, _)| vendor.made_of[generation].clone()).collect();
            prop_assert!(vendor.present.is_subset(&kept));
            prop_assert!(plan.kept.len() <= 5, "{:?}", plan.kept);
        }
    }
}

#[test]
fn a_generation_that_the_manifest_does_not_know_stops_it() {
    let mut vendor = Vendor::new();
    vendor.build(1, None);
    vendor.live = Some(key("somebody's"));
    let manifest = vendor.manifest.clone().unwrap();
    let situation = Situation {
        manifest: &manifest,
        live: vendor.live.as_ref(),
        named: &vendor.named(),
        present: &vendor.present,
        linked: &BTreeSet::new(),
        switched: 0,
        now: 1_000_000,
    };
    let error = Plan::new(&situation, &Keep::default()).unwrap_err();
    assert!(matches!(error, Error::Unknown(_)), "{error}");
}

#[test]
fn what_a_link_leads_to_stays() {
    let mut vendor = Vendor::new();
    for number in 0..9 {
        vendor.build(number, None);
    }
    let linked = names_of(0).into_iter().find(|name| matches!(name, Generated::Set(_))).unwrap();
    let manifest = vendor.manifest.clone().unwrap();
    let plan = |linked: &BTreeSet<Generated>| {
        let situation = Situation {
            manifest: &manifest,
            live: vendor.live.as_ref(),
            named: &BTreeSet::new(),
            present: &vendor.present,
            linked,
            switched: 0,
            now: u64::MAX,
        };
        Plan::new(&situation, &Keep::default()).unwrap()
    };
    assert!(plan(&BTreeSet::new()).names.contains(&linked));
    assert!(!plan(&BTreeSet::from([linked.clone()])).names.contains(&linked));
}
