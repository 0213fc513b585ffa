//! Linking: the maps of a bundle from packages that were scanned, and the PHP text of the bundle.

mod farm;
#[path = "farm/tree.rs"]
mod tree;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mwfarm::build::php::bundle;
use mwfarm::build::plan;
use mwfarm::report::Silent;
use tree::Tree;

fn link(criterion: &mut Criterion) {
    let directory = Tree::new(50);
    let request = directory.request();
    let build = plan(&request, &Silent).expect("a plan");
    let (objects, plan) = (&build.objects, &build.plan);
    let largest = plan.bundles.iter().max_by_key(|bundle| bundle.selection.packages.len()).expect("a bundle");
    let linked = objects.link(&largest.selection);
    let base = &plan.sets[0].added;
    let set = plan.sets[1..].iter().max_by_key(|set| set.added.packages.len()).expect("a set");

    let mut group = criterion.benchmark_group("link");
    group.throughput(Throughput::Elements(linked.map.classes.len() as u64));
    group.bench_function("bundle", |bencher| bencher.iter(|| objects.link(black_box(&largest.selection))));
    group.bench_function("text", |bencher| {
        bencher.iter(|| {
            bundle::text(&bundle::Bundle {
                hash: &largest.hash,
                runtime: &plan.runtime,
                extensions: &[],
                map: black_box(&linked.map),
                platform: &linked.platform,
                loader: &objects.base.loader,
                installed_versions: true,
                mode: &bundle::Mode::default(),
            })
        });
    });
    group.throughput(Throughput::Elements(objects.link_on(base, &set.added).map.classes.len() as u64));
    group.bench_function("set", |bencher| bencher.iter(|| objects.link_on(base, black_box(&set.added))));
    group.finish();
}

criterion_group!(benches, link);
criterion_main!(benches);
