//! The Markdown table.

use std::fmt::Write as _;

use crate::measure::{Case, Kind, Measured, Sample, Variant};
use crate::statistics::{median, quantile};

/// Writes the table: for every variant the medians of its parts, and the ratio to Composer's, request by request.
pub(crate) fn text(measured: &Measured, rounds: usize, wikis: usize) -> String {
    let mut out = format!(
        "PHP-FPM {}, one worker{}, {wikis} wikis, {rounds} requests of each variant, taking turns\n\n",
        measured.php,
        if measured.pinned { " on a core of its own" } else { ", not pinned" },
    );
    out.push_str(
        "| extensions | autoloader | bootstrap | classes | misses | sum | of Composer's (quartiles) | memory | of Composer's |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for case in &measured.cases {
        for variant in &case.variants {
            if variant.kind != Kind::Bundle {
                row(&mut out, case, variant);
            }
        }
        look_up(&mut out, case);
    }
    out
}

fn row(out: &mut String, case: &Case, variant: &Variant) {
    let part = |of: &dyn Fn(&Sample) -> f64| median(&variant.samples.iter().map(of).collect::<Vec<_>>());
    let name = size(case);
    let _ = write!(
        out,
        "| {name} | {} | {:.1} µs | {:.1} µs | {:.1} µs | {:.1} µs |",
        label(variant.kind),
        part(&|sample| sample.times[0]),
        part(&|sample| sample.times[1]),
        part(&|sample| sample.times[2]),
        part(&Sample::sum),
    );
    let memory = part(&|sample| sample.memory[1]);
    match reference(variant.kind).and_then(|kind| samples(case, kind)) {
        Some(composer) => {
            let ratios: Vec<f64> =
                variant.samples.iter().zip(composer).map(|(ours, theirs)| ours.sum() / theirs.sum()).collect();
            let theirs = median(&composer.iter().map(|sample| sample.memory[1]).collect::<Vec<_>>());
            let _ = writeln!(
                out,
                " **{:.3}** ({:.3}–{:.3}) | {memory:.0} KB | {:.3} |",
                median(&ratios),
                quantile(&ratios, 0.25),
                quantile(&ratios, 0.75),
                memory / theirs,
            );
        }
        None => {
            let _ = writeln!(out, " | {memory:.0} KB | |");
        }
    }
}

/// What the dispatcher adds to the bundle that it finds: its own file, and the wiki in the table.
fn look_up(out: &mut String, case: &Case) {
    if let (Some(whole), Some(bundle)) = (samples(case, Kind::Compatible), samples(case, Kind::Bundle)) {
        let times: Vec<f64> =
            whole.iter().zip(bundle).map(|(whole, bundle)| whole.times[0] - bundle.times[0]).collect();
        let _ = writeln!(
            out,
            "| {} | of this, the look-up of the wiki | {:.1} µs ({:.1}–{:.1}) | | | | | | |",
            size(case),
            median(&times),
            quantile(&times, 0.25),
            quantile(&times, 0.75),
        );
    }
}

fn size(case: &Case) -> String {
    case.combination.extensions.len().to_string()
}

fn samples(case: &Case, kind: Kind) -> Option<&[Sample]> {
    case.variants.iter().find(|variant| variant.kind == kind).map(|variant| variant.samples.as_slice())
}

/// Composer's autoloader that a variant is held against.
fn reference(kind: Kind) -> Option<Kind> {
    match kind {
        Kind::ComposerAuthoritative | Kind::ComposerOptimized => None,
        Kind::Compatible | Kind::Fast | Kind::Bundle | Kind::List => Some(Kind::ComposerAuthoritative),
        Kind::Optimized => Some(Kind::ComposerOptimized),
    }
}

fn label(kind: Kind) -> &'static str {
    match kind {
        Kind::ComposerAuthoritative => "Composer `-a`",
        Kind::Compatible => "mwfarm `-a`",
        Kind::Fast => "mwfarm `-a --autoloader fast`",
        Kind::Bundle => "the bundle alone",
        Kind::List => "mwfarm `-a`, a list without a bundle",
        Kind::ComposerOptimized => "Composer `-o`",
        Kind::Optimized => "mwfarm `-o`",
    }
}
