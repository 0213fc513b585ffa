//! Random edits, with builds in between: the last generation is, byte for byte, that of a clean build.
//!
//! `MWFARM_CASES` is the number of scripts (200; a campaign runs 1,000), `MWFARM_SEED` repeats the script of that seed
//! alone.

use std::collections::BTreeMap;
use std::env;
use std::time::SystemTime;

use super::super::farm::random::Random;
use super::super::farm::world::World;
use super::edits::Editor;
use super::{Place, a_moment, ahead, difference, world};

/// Scripts that begin with the same farm.
const SCRIPTS_PER_FARM: u64 = 20;

/// Edits of a script, at most.
const EDITS: usize = 20;

#[test]
fn after_any_edits_a_build_is_that_of_a_clean_tree() {
    let number = |name: &str| env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let seeds = match number("MWFARM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("MWFARM_CASES").unwrap_or(200).max(1),
    };
    let mut tally = Tally::default();
    let mut farm: Option<(u64, World)> = None;
    for seed in seeds.clone() {
        let of_farm = seed / SCRIPTS_PER_FARM;
        if farm.as_ref().is_none_or(|(known, _)| *known != of_farm) {
            farm = Some((of_farm, world(1 + of_farm * 100)));
        }
        let world = &farm.as_ref().expect("a farm").1;
        run(world, seed, &mut tally);
    }
    tally.tell();
    if seeds.end - seeds.start >= 100 {
        // Scripts that end in an error, or change nothing, show little.
        assert!(tally.refused * 4 < tally.scripts, "{tally:?}");
        assert!(tally.changed * 2 > tally.scripts, "{tally:?}");
    }
}

#[derive(Debug, Default)]
struct Tally {
    scripts: usize,
    edits: usize,
    builds: usize,
    /// Scripts after which the tree cannot be built.
    refused: usize,
    /// Scripts with more than one generation.
    changed: usize,
}

impl Tally {
    #[expect(clippy::print_stdout, reason = "the result of a campaign")]
    fn tell(&self) {
        println!("{self:?}");
    }
}

fn run(world: &World, seed: u64, tally: &mut Tally) {
    let mut random = Random::new(seed);
    let place = Place::of(&world.tree(), !seed.is_multiple_of(25));
    let extensions: Vec<String> = world.farm.all().into_iter().collect();
    let mut editor = Editor::new(&place, extensions, random.clone());
    let optimize = random.chance(80);
    let mut log = Vec::new();
    let mut generations: BTreeMap<String, usize> = BTreeMap::new();
    let mut build = |log: &mut Vec<String>, random: &mut Random| {
        // Mostly as if everything were old enough to be believed.
        let clock = if random.chance(75) { ahead } else { SystemTime::now };
        let built = place.try_build(optimize, Some(clock));
        if let Ok(build) = &built {
            *generations.entry(build.plan.generation.to_string()).or_default() += 1;
        }
        log.push(format!(
            "built: {}",
            built.as_ref().map_or_else(String::clone, |build| build.plan.generation.to_string())
        ));
        tally.builds += 1;
        a_moment();
        built.map(drop)
    };
    let mut outcome = build(&mut log, &mut random);
    for _ in 0..=random.below(EDITS) {
        log.push(editor.edit());
        tally.edits += 1;
        if random.chance(20) {
            outcome = build(&mut log, &mut random);
            if outcome.is_err() {
                editor.put_back();
            }
        }
    }
    if log.last().is_some_and(|last| !last.starts_with("built")) || outcome.is_err() {
        outcome = build(&mut log, &mut random);
    }
    let incremental = outcome.map(|()| place.generation());
    let clean = place.clean(optimize);
    tally.scripts += 1;
    tally.refused += usize::from(incremental.is_err());
    tally.changed += usize::from(generations.len() > 1);
    let different = match (incremental, clean) {
        (Ok(one), Ok(other)) => difference(&one, &other),
        (Err(one), Err(other)) => (one != other).then(|| format!("{one}\n{other}")),
        (one, other) => Some(format!("one only is built: {:?}, {:?}", one.err(), other.err())),
    };
    if let Some(different) = different {
        panic!("{}, script MWFARM_SEED={seed}:\n{}\n{different}", world.farm.name, log.join("\n"));
    }
}
