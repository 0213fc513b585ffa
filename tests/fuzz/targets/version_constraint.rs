//! Any texts as a version and a constraint, with the laws that hold for those that are.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mwfarm::build::version::{Constraint, branch_number, inline_alias, normalize, normalize_branch};

fuzz_target!(|data: (&str, &str)| {
    let (version, constraint) = data;
    let normal = normalize(version);
    if let Ok(normal) = &normal {
        // What Composer has normalised meets itself.
        assert!(Constraint::exactly(normal).matches(normal), "{version:?} is {normal:?}");
    }
    let _ = (normalize_branch(version), branch_number(version), inline_alias(constraint));
    if let Ok(parsed) = Constraint::parse(constraint) {
        let bound = parsed.lower_bound();
        let _ = (bound.php_version_id(), bound.php_version_text(), bound.is_above(&bound));
        if let Ok(normal) = &normal {
            let exactly = Constraint::exactly(normal);
            let (one, other) = (parsed.matches_constraint(&exactly), exactly.matches_constraint(&parsed));
            assert_eq!(one, other, "{constraint:?} and {normal:?}");
            let _ = parsed.matches(normal);
        }
    }
});
