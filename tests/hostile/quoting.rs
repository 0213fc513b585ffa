//! What PHP reads back of what the quoter writes.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use mwfarm::php;

use crate::farm::composer;
use crate::farm::random::Random;

/// How many byte strings are written and read back, each as a value, as a key and, where it is text, in a path.
const STRINGS: usize = 100_000;

/// Bytes that PHP may take for something else than themselves, alone or together.
const ODD: [&str; 34] = [
    "'",
    "\"",
    "\\",
    "$",
    "{",
    "}",
    "{$",
    "${",
    "$x",
    "?>",
    "<?php",
    "<?=",
    "\\'",
    "\\\\",
    "\\n",
    "\\x41",
    "\\u{41}",
    "\n",
    "\r\n",
    "\0",
    "\t",
    "\u{b}",
    "\u{1b}[0m",
    "\u{7f}",
    "*/",
    "//",
    "#",
    "<<<X",
    "\u{202e}",
    "\u{feff}",
    "é",
    "維",
    "b'",
    "%s",
];

/// Random bytes, with more of what is dangerous than chance would give.
fn bytes(random: &mut Random) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..random.below(9) {
        match random.below(4) {
            0 => bytes.extend(ODD[random.below(ODD.len())].as_bytes()),
            1 => bytes.push(u8::try_from(random.below(256)).expect("a byte")),
            2 => bytes.extend((0..random.below(6)).map(|_| u8::try_from(random.below(256)).expect("a byte"))),
            _ => bytes.push(b' ' + u8::try_from(random.below(95)).expect("a byte")),
        }
    }
    bytes
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

/// PHP's programs: the system's, and the oldest that MediaWiki 1.39 takes.
fn programs() -> [PathBuf; 2] {
    [PathBuf::from("php"), composer::php74()]
}

#[test]
fn what_is_quoted_is_the_same_to_php() {
    let mut random = Random::new(20_261_126);
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let files = 10;
    for number in 0..files {
        let mut text = String::from("<?php\n$wrong = 0;\n$same = static function ($a, string $hex) use (&$wrong) {\n");
        text += "    if (bin2hex((string)$a) !== $hex) { $wrong++; echo $hex, ' is ', bin2hex((string)$a), \"\\n\"; }\n};\n";
        for _ in 0..STRINGS / files {
            let bytes = bytes(&mut random);
            let hex = hex(&bytes);
            let mut literal = String::new();
            php::string(&mut literal, &bytes);
            let mut array = String::new();
            php::Value::Array(vec![(php::Key::Bytes(bytes.clone()), php::Value::Bytes(bytes.clone()))])
                .write(&mut array, 0);
            let _ = writeln!(text, "$same({literal}, '{hex}');");
            let _ = writeln!(
                text,
                "foreach ({array} as $key => $value) {{ $same($key, '{hex}'); $same($value, '{hex}'); }}"
            );
            if let Ok(path) = std::str::from_utf8(&bytes) {
                let expression = php::path_expression(path);
                let prefix = if expression.starts_with("'phar://'") { "phar://" } else { "" };
                let _ = writeln!(text, "$same({expression}, bin2hex('{prefix}' . __DIR__) . '{hex}');");
            }
        }
        text += "echo $wrong === 0 ? 'same' : $wrong;\n";
        let file = directory.path().join(format!("quoted{number}.php"));
        fs::write(&file, text).expect("written");
        for program in programs() {
            let mut php = Command::new(&program);
            php.args(["-n", "-d", "error_reporting=-1", "-d", "display_errors=1", "-d", "memory_limit=1G"]);
            let output = php.arg(&file).output().unwrap_or_else(|error| panic!("{}: {error}", program.display()));
            let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            assert!(said == "same", "{}: {}", program.display(), said.chars().take(2000).collect::<String>());
        }
    }
}
