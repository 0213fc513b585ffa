//! PHP files of about 3.5 KB, as long as those of real libraries are on average.

use std::fmt::Write as _;

const VERBS: [&str; 12] =
    ["get", "set", "find", "load", "parse", "render", "resolve", "register", "validate", "convert", "merge", "remove"];

const NOUNS: [&str; 12] = [
    "Title",
    "Revision",
    "Property",
    "Value",
    "Template",
    "Message",
    "Request",
    "Handler",
    "Option",
    "Category",
    "Reference",
    "Session",
];

/// A file that declares one class with four methods.
pub(crate) fn class(namespace: &str, name: &str, number: usize) -> String {
    let mut text = String::with_capacity(4096);
    text.push_str(
        "<?php\n/**\n * This file is free software; it does what its name says, and no more than that.\n *\n \
         * @license GPL-2.0-or-later\n * @file\n */\n\n",
    );
    if !namespace.is_empty() {
        let _ = writeln!(text, "namespace {namespace};\n");
    }
    text.push_str("use InvalidArgumentException;\nuse Psr\\Log\\LoggerInterface;\n\n");
    let _ = writeln!(
        text,
        "/**\n * A class of the farm: the interface and trait it isn't are named here for the scanner.\n */\n\
         class {name} {{\n\n\t/** @var array<string,mixed> */\n\tprivate $values = [];\n\n\
         \tpublic function __construct( private ?LoggerInterface $logger = null ) {{\n\t}}\n"
    );
    for method in 0..4 {
        method_of(&mut text, number + method * 5);
    }
    text.push_str("}\n");
    text
}

fn method_of(text: &mut String, number: usize) {
    let verb = VERBS[number % VERBS.len()];
    let noun = NOUNS[number / 5 % NOUNS.len()];
    let _ = write!(
        text,
        "\n\t/**\n\t * Takes a name and says what stands there; \"{noun}\" and 'nothing' are both answers.\n\t *\n\
         \t * @param string $name as written by the user\n\t * @param int|null $limit how many, null for all\n\
         \t * @return string[]\n\t */\n\
         \tpublic function {verb}{noun}{number}( string $name, ?int $limit = null ): array {{\n\
         \t\tif ( $name === '' || str_contains( $name, \"\\0\" ) ) {{\n\
         \t\t\tthrow new InvalidArgumentException( \"no {noun} is called '$name'\" );\n\t\t}}\n\
         \t\t// What was asked for once is kept: it isn't cheap.\n\
         \t\tif ( !isset( $this->values[$name] ) ) {{\n\
         \t\t\t$found = array_filter( explode( '|', $name ), static fn ( $part ) => trim( $part ) !== '' );\n\
         \t\t\t$this->values[$name] = array_slice( $found, 0, $limit );\n\
         \t\t\t$this->logger?->debug( '{verb} {{name}}', [ 'name' => $name, 'class' => self::class ] );\n\t\t}}\n\n\
         \t\treturn $this->values[$name];\n\t}}\n"
    );
}

/// A file for an autoload rule `files`: it defines one function.
pub(crate) fn functions(function: &str) -> String {
    format!(
        "<?php\n\nif ( !function_exists( '{function}' ) ) {{\n\tfunction {function}( $value ) {{\n\t\treturn $value;\n\t}}\n}}\n"
    )
}
