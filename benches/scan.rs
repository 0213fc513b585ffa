//! How fast the class scanner reads PHP: the fixtures in memory, and the files of a tree, reading included.
//!
//! `MWFARM_BENCH_TREE` names the tree; without it, only the fixtures are measured.

use std::hint::black_box;
use std::path::{Path, PathBuf};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mwfarm::build::scan::{ScanPath, find_classes, scan};

fn fixtures(criterion: &mut Criterion) {
    let files = php_files(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/scan")));
    let contents = files.iter().map(|file| std::fs::read(file).unwrap_or_default()).collect::<Vec<_>>();
    let mut group = criterion.benchmark_group("scan");
    group.throughput(Throughput::Bytes(contents.iter().map(|file| file.len() as u64).sum()));
    group.bench_function("fixtures", |bencher| {
        bencher.iter(|| contents.iter().filter_map(|file| find_classes(file).ok()).flatten().count());
    });
    group.finish();
}

fn tree(criterion: &mut Criterion) {
    let Some(tree) = std::env::var_os("MWFARM_BENCH_TREE").map(PathBuf::from) else { return };
    let files = php_files(&tree);
    let contents = files.iter().map(|file| std::fs::read(file).unwrap_or_default()).collect::<Vec<_>>();
    let mut group = criterion.benchmark_group("scan");
    group.sample_size(20);
    group.throughput(Throughput::Bytes(contents.iter().map(|file| file.len() as u64).sum()));
    group.bench_function("tree, read only", |bencher| {
        bencher.iter(|| {
            files.iter().map(|file| black_box(std::fs::read(file)).map_or(0, |read| read.len())).sum::<usize>()
        });
    });
    group.bench_function("tree, parsed in memory", |bencher| {
        bencher.iter(|| contents.iter().filter_map(|file| find_classes(file).ok()).flatten().count());
    });
    let whole = [ScanPath { path: String::new(), confine: String::new() }];
    for threads in [1, std::thread::available_parallelism().map_or(1, Into::into)] {
        let Ok(pool) = rayon::ThreadPoolBuilder::new().num_threads(threads).build() else { continue };
        group.bench_function(format!("tree, found, read and parsed, {threads} threads"), |bencher| {
            bencher.iter(|| pool.install(|| scan(&tree, &whole).map_or(0, |scan| scan.paths[0].files.len())));
        });
    }
    group.finish();
}

fn php_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => open.push(path),
                Ok(kind) if kind.is_file() && path.extension().is_some_and(|extension| extension == "php") => {
                    files.push(path);
                }
                _ => {}
            }
        }
    }
    files
}

criterion_group!(benches, fixtures, tree);
criterion_main!(benches);
