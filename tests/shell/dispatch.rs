//! The short form of `benches/dispatch.sh`: everything in it but the measurement.

use std::path::Path;
use std::process::{Command, Stdio};

/// The program itself checks that every autoloader is of the kind that it stands for and loads the same files.
#[test]
fn the_comparison_in_php_fpm_works() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let output = Command::new("bash")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/dispatch.sh"))
        .arg("--short")
        .arg(directory.path().join("dispatch"))
        .stdin(Stdio::null())
        .output()
        .expect("bash runs");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    let rows: Vec<Vec<&str>> = out
        .lines()
        .filter(|line| line.starts_with("| "))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let kinds =
        |extensions: &str| -> Vec<&str> { rows.iter().filter(|row| row[0] == extensions).map(|row| row[1]).collect() };
    let by_host = [
        "Composer `-a`",
        "mwfarm `-a`",
        "mwfarm `-a --autoloader fast`",
        "Composer `-o`",
        "mwfarm `-o`",
        "of this, the look-up of the wiki",
    ];
    assert_eq!(kinds("1"), by_host, "{out}");
    let list = ["Composer `-a`", "mwfarm `-a`, a list without a bundle"];
    assert_eq!(kinds("5"), [&by_host[..], &list[..]].concat(), "{out}");
    for row in &rows[1..] {
        assert_eq!(row.len(), 9, "{out}");
        assert!(row[2].contains(" µs") && !row[2].contains("NaN"), "{out}");
        // A bootstrap and 300 classes in no time would be ones that failed.
        let took = |column: &str| column.trim_end_matches(" µs").parse::<f64>();
        assert!(row[3].is_empty() || took(row[3]).is_ok_and(|time| time > 0.0), "{out}");
    }
}
