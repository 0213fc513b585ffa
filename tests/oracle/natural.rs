//! The natural order of strings against PHP's own.

use std::cmp::Ordering;
use std::io::Write;
use std::process::{Command, Stdio};

use mwfarm::build::autoload::natural;
use mwfarm::key::hex;

use crate::farm::random::Random;

/// Reads pairs of hex strings, a line each, and prints the signs of `strnatcmp` and `strnatcasecmp`.
const SCRIPT: &str = r"while (($line = fgets(STDIN)) !== false) {
    [$a, $b] = array_map('hex2bin', explode(' ', rtrim($line, PHP_EOL)));
    echo strnatcmp($a, $b) <=> 0, ' ', strnatcasecmp($a, $b) <=> 0, PHP_EOL;
}";

#[test]
fn strings_compare_as_in_php() {
    let mut random = Random::new(1);
    let pieces =
        ["a", "B", "b", "0", "00", "1", "2", "10", "09", ".", "-", "/", "_", " ", "\t", "x", "9999999999999999999999"];
    let mut text = || -> Vec<u8> {
        let length = random.below(6);
        (0..length).flat_map(|_| pieces[random.below(pieces.len())].bytes()).collect()
    };
    let pairs: Vec<(Vec<u8>, Vec<u8>)> = (0..20_000).map(|_| (text(), text())).collect();
    let lines: Vec<String> = pairs.iter().map(|(a, b)| [hex(a), hex(b)].join(" ")).collect();
    let lines = lines.join("\n") + "\n";

    let mut php = Command::new("php");
    let mut php = php.args(["-r", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("php runs");
    let mut stdin = php.stdin.take().expect("php has a standard input");
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()).expect("php reads"));
    let output = php.wait_with_output().expect("php ends");
    writer.join().expect("everything is written");

    let answers = String::from_utf8(output.stdout).expect("php prints text");
    let answers: Vec<&str> = answers.lines().collect();
    assert_eq!(answers.len(), pairs.len());
    let sign = |order: Ordering| order as i8;
    for ((a, b), answer) in pairs.iter().zip(answers) {
        let ours = format!("{} {}", sign(natural::compare(a, b, false)), sign(natural::compare(a, b, true)));
        assert_eq!(ours, answer, "{:?} {:?}", String::from_utf8_lossy(a), String::from_utf8_lossy(b));
    }
}
