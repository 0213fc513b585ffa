//! Values come back from PHP as they were printed.

use std::fs;
use std::path::Path;

use mwfarm::config::value::{Key, Node, Value};
use mwfarm::php;

use super::php::compare;
use super::values::{anything, cases, list, node, seed};
use crate::farm::composer;
use crate::farm::random::Random;

#[test]
fn php_reads_what_was_printed() {
    let mut random = Random::new(seed());
    let mut values: Vec<Node> = (0..cases(10_000)).map(|_| anything(&mut random, 4)).collect();
    let deep = (0..63).fold(node(Value::Int(1)), |inner, _| node(Value::Map(vec![(Key::Int(7), inner)])));
    values.push(deep);
    let count = values.len();
    let all = list(values).value;

    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("literals.php");
    let mut text = "<?php\nreturn ".to_owned();
    php::Value::from(&all).write(&mut text, 0);
    text.push_str(";\n");
    fs::write(&file, text).expect("the literals are written");
    // The oldest PHP of the runtime reads them as any other.
    for php in [Path::new("php"), &composer::php74()] {
        assert_eq!(compare(php, "literals.php", &all, &[&file]), count, "{}", php.display());
    }
}
