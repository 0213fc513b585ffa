//! x
use super::observe::*;
#[test]
fn try_farms() {
    use std::time::Instant;
    for seed in 0..10 {
        let farm = crate::farm::generate::farm(seed);
        let world = crate::farm::world::World::new(farm).unwrap();
        let all = world.farm.all();
        let r = world.reference(&all, "ref-all").unwrap();
        let r2 = world.reference(&all, "ref-two").unwrap();
        let start = Instant::now();
        let q = Questions::new(&world.farm, 1);
        let a = observe(&Side { tree: r, entry: Entry::default() }, &q, 2);
        let t = start.elapsed();
        let b = observe(&Side { tree: r2, entry: Entry::default() }, &q, 2);
        eprintln!("{seed} {t:?} {:?}", differences(&a, &b));
        if seed == 3 { eprintln!("{a:#}"); }
    }
}
