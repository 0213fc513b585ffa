//! A whole build: clean, into a vendor directory without files of ours, and again when nothing has changed.

mod farm;
#[path = "farm/tree.rs"]
mod tree;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use mwfarm::build::{build, eject};
use mwfarm::report::Silent;
use tree::Tree;

fn whole(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("build");
    group.sample_size(10);
    for extensions in [10, 50] {
        let tree = Tree::new(extensions);
        let request = tree.request();
        let vendor = request.vendor();
        let built = || build(&request, &Silent).expect("a build");
        built();
        group.bench_function(BenchmarkId::new("clean", extensions), |bencher| {
            let empty = || eject::eject(&vendor, false, &mwfarm::report::Silent).expect("ejected");
            bencher.iter_batched(empty, |_| built(), BatchSize::PerIteration);
        });
        group.bench_function(BenchmarkId::new("unchanged", extensions), |bencher| bencher.iter(built));
    }
    group.finish();
}

criterion_group!(benches, whole);
criterion_main!(benches);
