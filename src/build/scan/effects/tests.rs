use super::*;

fn shown(code: &str) -> Vec<String> {
    effects(code.as_bytes()).iter().map(ToString::to_string).collect()
}

#[test]
fn declarations_do_nothing() {
    for code in [
        "",
        "<?php\n",
        "#!/usr/bin/env php\n<?php\n",
        "<?php\ndeclare(strict_types=1);\nnamespace A\\B;\nuse C\\{D, E as F};\nuse function g;\nconst X = 1;\n",
        "<?php namespace A { function f() { exit; } } namespace { class C { function d() { die(1); } } }",
        "<?php if (!function_exists('f')) { function f(array $x = [1, 2]): ?int { return g($x); } }",
        "<?php if ( !defined( 'A' ) ) { define( 'A', \"x{$y[\"}\"]}z\" ); }",
        "<?php #[A(b())] final class X extends Y implements Z { public $a = [1]; }\nabstract class W {}\n",
        "<?php enum E: string { case A = 'a'; }\ninterface I { const enum = 1; }\ntrait T {}\nreadonly class R {}",
        "<?php if (PHP_VERSION_ID >= 80200) { return; }\nif (A): return true; else: endif;",
        "<?php return array('a' => 1, 'b' => [static function ($x) use ($y): int { exit($x); }]);",
        "<?php $file = dirname(__FILE__) . '/x'; $x['a']['b'] = 2; $f = fn($a) => 1;",
        "<?php class_alias('A', 'B'); if (\\class_exists('X', false)) {} elseif (!\\extension_loaded('y')) {}",
        "<?php /* exit */ // exit\n# exit\n$a = 'exit'; $b = <<<EOT\nexit {$c['d']} exit\nEOT;\n$d = X::exit;",
        "<?php function &f() { echo 1; } function g() {} ?>\n",
        "<?php foreach (['a'] as $a) { if (!defined($a)) define($a, 1); } switch (PHP_OS) { case 'a': break; default: }",
        "<?php return new class extends A { function b() { exit; } };",
        "<?php try { $a = 1; } catch (\\E $e) {} finally {}",
    ] {
        assert_eq!(shown(code), [""; 0], "{code}");
    }
}

#[test]
fn everything_else_is_told() {
    for (code, expected) in [
        ("<?php if (!defined('MEDIAWIKI')) { die('no'); }", &["ends PHP"][..]),
        ("<?php exit;", &["ends PHP"]),
        ("<?php defined('A') or die;", &["ends PHP"]),
        ("text <?php ", &["prints"]),
        ("<?php function f() {} ?>\nmore\n", &["prints"]),
        ("<?= 1 ?>", &["prints"]),
        ("<?php echo 'x';", &["prints"]),
        ("<?php throw new E('x');", &["throws", "calls `new E`"]),
        ("<?php require __DIR__ . '/a.php';", &["includes `a.php`"]),
        ("<?php return require_once(dirname(__FILE__).'/b/c.php');", &["includes `b/c.php`"]),
        ("<?php include $x . '/a.php';", &["includes a file that it computes"]),
        ("<?php if (!f()) { \\A\\B::c(1); }", &["calls `A\\B::c`", "calls `f`"]),
        (
            "<?php $a->b(); $GLOBALS['wgX']['y'][] = 1; $GLOBALS['z']();",
            &["sets `$GLOBALS['wgX']`", "calls `$a->b`", "calls `a closure`"],
        ),
        ("<?php global $wgA, $wgB; $wgA = 1; $wgB['x'] .= 2; $wgC = 3;", &["sets `$wgA`", "sets `$wgB`"]),
        ("<?php A::$b = 1; $x = A::$c;", &["sets `A::$b`"]),
        ("<?php (function () { exit; })();", &["calls `a closure`"]),
        ("<?php call_user_func(function () { exit; });", &["calls `call_user_func`"]),
        ("<?php spl_autoload_register(static function ($c) { require $c; });", &["calls `spl_autoload_register`"]),
        ("<?php `ls`;", &["calls `shell_exec`"]),
        ("<?php if (x()): y(); endif;", &["calls `x`", "calls `y`"]),
        ("<?php define('A', b());", &["calls `b`"]),
        ("<?php new A;", &["calls `new A`"]),
    ] {
        assert_eq!(shown(code), expected, "{code}");
    }
}

/// Whatever the bytes: it ends, soon, without a deep stack.
#[test]
fn the_time_is_linear() {
    for part in [
        "{",
        "}",
        "(",
        "\"{$",
        "`",
        "<<<A\n",
        "if (",
        "function(",
        "#[",
        "new class ",
        "a::",
        "[",
        "](",
        "$GLOBALS[",
        "a::$b[",
    ] {
        let code = format!("<?php {}", part.repeat((1 << 17) / part.len()));
        let start = std::time::Instant::now();
        let _ = effects(code.as_bytes());
        assert!(start.elapsed() < std::time::Duration::from_secs(30), "{part:?}: {:?}", start.elapsed());
    }
}
