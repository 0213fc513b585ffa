//! What a deploy decides: which steps it takes, what it leaves out, and what it says.

use super::{Farm, Plan};

/// The stages of the last attempt of a wiki.
fn stages(farm: &Farm, name: &str) -> Vec<String> {
    let show = farm.show(name);
    let journal = show["journal"].as_array().expect("a journal");
    let last = journal.iter().filter_map(|entry| entry["attempt"].as_u64()).max();
    let of_last = journal.iter().filter(|entry| entry["attempt"].as_u64() == last);
    of_last.filter_map(|entry| entry["stage"].as_str()).map(str::to_owned).collect()
}

/// Settings can turn an extension on, and then tables are missing.
#[test]
fn the_schema_is_looked_after_also_when_only_settings_change() {
    let farm = Farm::start(&Plan { options: "  database: sqlite\n".to_owned(), ..Plan::plain() });
    farm.create("a");
    farm.configure_wiki("a", "<?php\n$wgSitename = 'Configured';");
    farm.deploy("a").well();
    assert!(stages(&farm, "a").contains(&"schema-same".to_owned()), "{:?}", stages(&farm, "a"));
    // A schema that fails with these settings keeps them from being served.
    let before = farm.release("a");
    farm.configure_wiki("a", "<?php\nif (PHP_SAPI === 'cli') { fwrite(STDERR, \"no table\\n\"); exit(3); }");
    farm.deploy("a").badly(1, "update.php failed");
    assert_eq!(farm.release("a"), before);
}
