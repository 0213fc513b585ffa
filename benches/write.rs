//! Writing: all sets and bundles of a plan, linked and published into an empty vendor directory.

mod farm;
#[path = "farm/tree.rs"]
mod tree;

use std::collections::BTreeMap;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use mwfarm::build::objects::SetTexts;
use mwfarm::build::php::bundle::Mode;
use mwfarm::build::plan;
use mwfarm::build::published::Published;
use mwfarm::build::write::{Source, write};
use mwfarm::report::Silent;
use tree::Tree;

fn all(criterion: &mut Criterion) {
    let directory = Tree::new(50);
    let request = directory.request();
    let build = plan(&request, &Silent).expect("a plan");
    let texts = SetTexts::new(&build.objects, &build.plan.bundles[0].selection, build.plan.runtime.clone());
    let (published, inputs, mode) = (Published::default(), BTreeMap::new(), Mode::default());
    let source = Source {
        plan: &build.plan,
        objects: &build.objects,
        texts: &texts,
        mode: &mode,
        published: &published,
        inputs: &inputs,
    };
    let empty = || {
        let vendor = tempfile::tempdir_in(&request.tree).expect("a directory");
        std::fs::create_dir(vendor.path().join("composer")).expect("a directory");
        vendor
    };

    let mut group = criterion.benchmark_group("write");
    group.sample_size(20);
    group.bench_function("farm of 50", |bencher| {
        bencher.iter_batched(
            empty,
            |vendor| {
                write(&source, vendor.path(), &Silent).expect("written");
                vendor
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, all);
criterion_main!(benches);
