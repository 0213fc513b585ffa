use std::fmt::Write;
use std::time::Instant;

use super::*;

#[test]
fn what_a_file_returns_is_read() {
    let written = "<?php\n// A comment.\nnamespace A;\nconst B = 'é';\nfunction f() { return 1.5; }\nreturn ['wgA' => true, 'wgB' => [B, f(), 7 => null], '5' => __DIR__ === getcwd(), 'x' => 0.1 + 0.2];\n";
    let expected = [
        ("wgA", Value::Bool(true)),
        ("wgB", map([("0", text("é")), ("1", float(1.5, "1.5")), ("7", Value::Null)])),
        ("5", Value::Bool(true)),
        ("x", float(0.300_000_000_000_000_04, "")),
    ];
    same(&read("a.php", written).unwrap(), &map(expected));
    assert_eq!(read("a.php", "<?php return [];").unwrap().value, Value::List(vec![]));
}

#[test]
fn what_a_file_prints_does_not_matter() {
    for prints in [
        "echo 'V 3', PHP_EOL;",
        "fwrite(STDOUT, str_repeat('x', 1000000)); fwrite(STDERR, str_repeat('x', 1000000));",
        "while (ob_get_level()) ob_end_clean(); echo 'x';",
        "ob_start(); echo 'x'; ob_start();",
        "register_shutdown_function(function () { echo 'end'; });",
        "trigger_error('careful', E_USER_WARNING); $undefined[1] ?? null; echo $undefined;",
        "for ($i = 0; $i < 100000; $i++) echo 'some output';",
    ] {
        let read = read("a.php", format!("text before\n<?php {prints} return ['a' => 1];"));
        same(&read.unwrap_or_else(|error| panic!("{prints}: {error:?}")), &map([("a", Value::Int(1))]));
    }
}

#[test]
fn a_file_that_fails_is_an_error_with_its_line() {
    for (written, expected) in [
        ("<?php\n$a = ;\nreturn [];", "a.php:2: : PHP says: ParseError: syntax error, unexpected token \";\""),
        ("<?php\n\nthrow new Exception(\"no\\n\\x1b[31m\");", "a.php:3: : PHP says: Exception: no"),
        (
            "<?php\nreturn [ undefined_function() ];",
            "a.php:2: : PHP says: Error: Call to undefined function undefined_function()",
        ),
        ("<?php\nnew DateTime('nonsense');", "a.php:2: : PHP says: Exception: "),
        (
            "<?php\nfunction f() {}\nfunction f() {}\nreturn [];",
            "a.php:3: : PHP says: Fatal error: Cannot redeclare f()",
        ),
        ("<?php\nfunction f() { throw new Exception('in f'); }\nf();", "a.php:2: : PHP says: Exception: in f"),
        ("<?php\n\n$a = str_repeat('x', 2000000000);", "a.php:3: : PHP says: Fatal error: Allowed memory size"),
        ("<?php\nexit;", "a.php: : ended PHP before it returned an array, with code 0 (it should end with"),
        ("<?php\nexit(3);", "a.php: : ended PHP before it returned an array, with code 3"),
        ("<?php\nposix_kill(getmypid(), 9); return [];", "a.php: : was killed by signal 9"),
        ("<?php\n$a = 1;", "a.php: : returns no array, but integer (it should end with `return [ … ];`)"),
        ("<?php return 'x';", "a.php: : returns no array, but string"),
        ("no PHP", "a.php: : returns no array, but integer"),
        ("<?php return new stdClass;", "a.php: : returns no array, but object"),
        ("<?php return ['a' => [new stdClass]];", "a.php: a.0: holds an object"),
        ("<?php return [function () {}];", "a.php: : PHP says: Exception: Serialization of 'Closure' is not allowed"),
        ("<?php enum S { case A; } return ['a' => S::A];", "a.php: a: holds an enumeration"),
        ("<?php $x = 1; return ['a' => &$x, 'b' => &$x];", "a.php: b: holds a reference (`&`)"),
    ] {
        if written.contains("posix_kill") && !has_posix() {
            continue;
        }
        let refused = refused("a.php", written);
        assert!(refused.starts_with(expected), "{written}: {refused}");
        assert!(refused.len() < 500, "{refused}");
    }
}

fn has_posix() -> bool {
    read("a.php", "<?php return ['a' => function_exists('posix_kill')];")
        .is_ok_and(|node| node.map().is_some_and(|pairs| pairs[0].1.value == Value::Bool(true)))
}

#[test]
fn a_file_has_a_clean_environment_and_no_input() {
    let written = "<?php return [array_keys(getenv()), stream_get_contents(STDIN), $GLOBALS['argc'] > 0, array_keys(get_defined_vars())];";
    let read = read("a.php", written).unwrap();
    let Value::List(items) = &read.value else { panic!() };
    let Value::List(names) = &items[0].value else { panic!() };
    for name in names {
        assert!(["PATH", "HOME", "LANG"].contains(&&*name.name().unwrap()), "{name:?}");
    }
    assert_eq!(items[1].value, text(""));
    assert_eq!(items[3].value, list([]), "no variable of ours is seen");
}

#[test]
fn a_file_that_does_not_end_is_stopped() {
    let directory =
        directory(&[("a.php", b"<?php while (true) { echo 'x'; }"), ("b.php", b"<?php sleep(60); return [];")]);
    let mut sources = sources(directory.path());
    sources.time = Duration::from_millis(500);
    let begun = Instant::now();
    for name in ["a.php", "b.php"] {
        let finding = sources.read(name).unwrap_err();
        assert_eq!(told(&sources, &finding), format!("{name}: : did not return within 0.5 s, and was stopped"));
        assert!(sources.read(name).is_err());
    }
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_file_cannot_fill_the_memory() {
    let refused = refused("a.php", "<?php for (;;) { fwrite(STDOUT, str_repeat('x', 1000000)); }");
    assert_eq!(refused, "a.php: : printed more than 64 MiB, and was stopped");
}

#[test]
fn without_php_it_says_so() {
    let directory = directory(&[("a.php", b"<?php return [];")]);
    let mut sources = Sources::new(directory.path(), Path::new("/nonexistent/php"));
    let finding = sources.read("a.php").unwrap_err();
    assert!(told(&sources, &finding).starts_with("a.php: : needs PHP, but `/nonexistent/php` does not start: "));
}

/// 500 random values, serialized by PHP: what is read, written as PHP, is the same value for PHP.
#[test]
fn serialized_data_of_php_is_read_as_php_reads_it() {
    let script = r#"<?php
        mt_srand(4);
        function value(int $depth) {
            switch (mt_rand(0, $depth > 4 ? 7 : 9)) {
                case 0: return null;
                case 1: return (bool)mt_rand(0, 1);
                case 2: return mt_rand() * [1, -1, 1 << 31][mt_rand(0, 2)];
                case 3: return [0.1, -0.0, INF, -INF, 1e25, 1e-300, M_PI, 1.0, 5e-324][mt_rand(0, 8)];
                case 4: return mt_rand() / (mt_rand() + 1) * 10 ** mt_rand(-30, 30);
                case 5: return random_text();
                case 6: return ['', '1', "\0", "\";}", 'é', "\xff\xfe"][mt_rand(0, 5)];
                case 7: return [PHP_INT_MAX, PHP_INT_MIN, 0][mt_rand(0, 2)];
                default:
                    $array = [];
                    for ($i = mt_rand(0, 5); $i > 0; $i--) {
                        switch (mt_rand(0, 3)) {
                            case 0: $array[] = value($depth + 1); break;
                            case 1: $array[mt_rand(-3, 10)] = value($depth + 1); break;
                            case 2: $array[(string)mt_rand(-3, 10)] = value($depth + 1); break;
                            default: $array[random_text()] = value($depth + 1);
                        }
                        if (array_key_exists(PHP_INT_MAX, $array)) break;
                    }
                    return $array;
            }
        }
        function random_text() {
            $text = '';
            for ($i = mt_rand(0, 8); $i > 0; $i--) $text .= chr(mt_rand(0, 255));
            return $text;
        }
        // The printer of this test, once more: type, then value.
        function printed($value) {
            if ($value === null) return 'N';
            if (is_bool($value)) return $value ? 'T' : 'F';
            if (is_int($value)) return "i$value";
            if (is_float($value)) return 'd' . bin2hex(strrev(pack('d', $value)));
            if (is_string($value)) return 's' . bin2hex($value);
            $text = '[';
            foreach ($value as $key => $item) $text .= printed($key) . '=' . printed($item) . ',';
            return $text . ']';
        }
        $all = [];
        for ($i = 0; $i < 500; $i++) {
            $value = [value(0)];
            $all[] = serialize($value);
            $all[] = printed($value);
        }
        return $all;
    "#;
    let all = read("random.php", script).unwrap();
    let Value::List(all) = &all.value else { panic!() };
    assert_eq!(all.len(), 1000);
    for pair in all.chunks(2) {
        let [Value::Text(serialized), Value::Text(expected)] = [&pair[0].value, &pair[1].value] else { panic!() };
        let root = super::super::serialized::parse(serialized.as_bytes(), FileId(0)).unwrap();
        let mut printed = String::new();
        print(&root.value, &mut printed);
        assert_eq!(printed.as_bytes(), expected.as_bytes(), "{serialized:?}");
    }
}

fn print(value: &Value, out: &mut String) {
    let hex = |text: &Text| key::hex(text.as_bytes());
    let _ = match value {
        Value::Null => write!(out, "N"),
        Value::Bool(true) => write!(out, "T"),
        Value::Bool(false) => write!(out, "F"),
        Value::Int(number) => write!(out, "i{number}"),
        Value::Float(number, _) => write!(out, "d{:016x}", number.to_bits()),
        Value::Text(text) => write!(out, "s{}", hex(text)),
        Value::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                let _ = write!(out, "i{index}=");
                print(&item.value, out);
                out.push(',');
            }
            write!(out, "]")
        }
        Value::Map(pairs) => {
            out.push('[');
            for (key, item) in pairs {
                let _ = match key {
                    Key::Int(number) => write!(out, "i{number}="),
                    Key::Text(text) => write!(out, "s{}=", hex(text)),
                };
                print(&item.value, out);
                out.push(',');
            }
            write!(out, "]")
        }
    };
}
