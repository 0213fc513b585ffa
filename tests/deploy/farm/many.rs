//! What the number of wikis costs.

use super::watching::small_core;
use super::{Farm, Plan, trace};

#[test]
fn reconciling_costs_as_much_as_there_are_wikis() {
    let plan = Plan::of("fpm").with("cache: {redis: ROOT/redis.sock}");
    let farm = Farm::with_core(&plan, &small_core());
    let words = ["watch", "reconcile"];
    let mut counts = Vec::new();
    for wikis in [["a", "b"], ["c", "d"], ["e", "f"]] {
        for wiki in wikis {
            farm.create(wiki);
        }
        let programs = trace::programs(&farm, &words);
        // The core repository may be far away: where nothing was pushed, it is asked once, for all of them.
        let asked = programs.iter().filter(|program| program.contains("\"git-upload-pack\"")).count();
        assert_eq!(asked, 1, "{}", programs.join("\n"));
        counts.push(programs.len());
    }
    let [two, four, six] = counts[..] else { panic!("{counts:?}") };
    assert_eq!(six - four, four - two, "two more wikis cost more than those before: {counts:?}");
}
