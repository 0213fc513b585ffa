//! The dependency graph: making it from a tree that was read, and C(S) for each extension.

mod farm;
#[path = "farm/tree.rs"]
mod tree;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use mwfarm::build::graph::DependencyGraph;
use mwfarm::build::published::Published;
use tree::Tree;

fn graph(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("graph");
    for extensions in [10, 50, 250] {
        let directory = Tree::new(extensions);
        let (tree, _) = mwfarm::build::read(&directory.request().tree, &Published::default()).expect("a tree");
        group.bench_function(BenchmarkId::new("new", extensions), |bencher| {
            bencher.iter(|| DependencyGraph::new(black_box(&tree)));
        });
        let graph = DependencyGraph::new(&tree);
        group.bench_function(BenchmarkId::new("closures", extensions), |bencher| {
            bencher.iter(|| {
                (0..tree.extensions.len()).map(|extension| graph.closure(&[extension]).packages.len()).sum::<usize>()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, graph);
criterion_main!(benches);
