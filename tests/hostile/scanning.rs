//! PHP that is hard to scan, or that would do something if it ran.

use super::cases::{Case, Verdict, case};

/// An extension whose only file holds this, behind a class that every scanner finds.
fn scanned(name: &'static str, text: impl Into<Vec<u8>>, verdict: Verdict) -> Case {
    let text = text.into();
    case(
        name,
        move |yard| {
            yard.extension("{\"autoload\": {\"classmap\": [\"src/\"]}}");
            yard.write("tree/extensions/Bad/src/First.php", "<?php touch('canary'); class First {}");
            yard.write("tree/extensions/Bad/src/x.php", &text);
            yard.turn_on();
        },
        verdict,
    )
}

/// Where the classes of the file are.
const X: Option<&str> = Some("extensions/Bad/src/x.php");

pub(super) fn cases() -> Vec<Case> {
    let first = ("First", Some("extensions/Bad/src/First.php"));
    let storm = |part: &str| format!("<?php class A {{}} {}", part.repeat((1 << 20) / part.len()));
    let all = (0..5000).map(|at| format!("class C{at} {{}}\n")).collect::<Vec<_>>().concat();
    let long = "x".repeat(200_000);
    vec![
        scanned("a program", "<?php touch('canary'); exit(1); class A {}", Verdict::mapped(&[first, ("A", X)])),
        scanned(
            "classes in texts",
            "<?php $a = 'class A {}'; $b = \"class B {$x}\"; class C {}",
            Verdict::mapped(&[first, ("A", None), ("B", None), ("C", X)]),
        ),
        scanned(
            "classes in comments",
            "<?php // class A {}\n# class B {}\n/* class C {} */ class D {}",
            Verdict::mapped(&[("A", None), ("B", None), ("C", None), ("D", X)]),
        ),
        scanned(
            "classes in heredocs",
            "<?php $a = <<<X\nclass A {}\nX;\n$b = <<<'Y'\nclass B {}\n  Y;\nclass C {}",
            Verdict::mapped(&[("A", None), ("B", None), ("C", X)]),
        ),
        scanned(
            "a heredoc that does not end",
            "<?php class A {} $a = <<<X\nclass B {}\n",
            Verdict::mapped(&[first, ("A", X), ("B", None)]),
        ),
        scanned(
            "a text that does not end",
            "<?php class A {} $a = 'class B {}\n",
            Verdict::mapped(&[first, ("A", X), ("B", None)]),
        ),
        scanned(
            "a comment that does not end",
            "<?php class A {} /* class B {}\n",
            Verdict::mapped(&[first, ("A", X), ("B", None)]),
        ),
        scanned(
            "classes in HTML",
            "<p>class A {}</p><?php class B {} ?>class C {}<script>class D {}</script>",
            Verdict::mapped(&[("A", None), ("B", X), ("C", None), ("D", None)]),
        ),
        scanned(
            "namespaces",
            "<?php namespace A\\B { class C {} } namespace { interface D {} } ",
            Verdict::mapped(&[("A\\B\\C", X), ("D", X)]),
        ),
        scanned(
            "what PHP 8 brought",
            "<?php #[A(1)] final readonly class B { public string $c { get => 'class D {}'; } } enum E: int { case F = 1; } $g = new class {};",
            Verdict::mapped(&[("B", X), ("E", X), ("D", None)]),
        ),
        scanned(
            "a name that turns the line round",
            "<?php class Gpj\u{202e}php {}",
            Verdict::mapped(&[first, ("Gpj\u{202e}php", X)]),
        ),
        scanned(
            "a name with an invisible space",
            "<?php class A\u{200b} {}",
            Verdict::mapped(&[first, ("A\u{200b}", X)]),
        ),
        scanned("a name in Latin-1", b"<?php class B\xe4d {}", Verdict::mapped(&[first])),
        scanned(
            "a name that ends PHP",
            "<?php class A?><?php class B {}",
            Verdict::mapped(&[first, ("A", X), ("B", X)]),
        ),
        scanned(
            "a name as long as a book",
            format!("<?php class A {{}} class {long} {{}}"),
            Verdict::mapped(&[first, ("A", X)]),
        ),
        scanned(
            "a namespace as long as a book",
            format!("<?php namespace {}x; class A {{}}", "x\\".repeat(50_000)),
            Verdict::mapped(&[first]),
        ),
        scanned("five thousand classes", format!("<?php\n{all}"), Verdict::mapped(&[first, ("C0", X), ("C4999", X)])),
        scanned(
            "five thousand classes in a line",
            format!("<?php {}", all.replace('\n', " ")),
            Verdict::mapped(&[("C0", X), ("C4999", X)]),
        ),
        scanned(
            "a line of a megabyte",
            format!("<?php class A {{ const B = '{}'; }} class C {{}}", "x".repeat(1 << 20)),
            Verdict::mapped(&[("A", X), ("C", X)]),
        ),
        scanned("a storm of quotes", storm("'\""), Verdict::mapped(&[first, ("A", X)])),
        scanned("a storm of heredocs", storm("<<<A\n"), Verdict::mapped(&[first, ("A", X)])),
        scanned("a storm of asterisks", storm("/**/*"), Verdict::mapped(&[first, ("A", X)])),
        scanned("a storm of parentheses", storm("("), Verdict::mapped(&[first, ("A", X)])),
        scanned("a storm of braces in texts", storm("\"{$a["), Verdict::mapped(&[first, ("A", X)])),
        scanned("a storm of keywords", storm("class "), Verdict::mapped(&[first, ("A", X)])),
        scanned("a storm of tags", storm("?><?php "), Verdict::mapped(&[first, ("A", X)])),
        scanned("a storm of backslashes", storm("'\\'"), Verdict::mapped(&[first, ("A", X)])),
        scanned("nothing but NUL", vec![0; 1 << 20], Verdict::mapped(&[first])),
        scanned("NUL between words", "<?php class\0A {} class B {}", Verdict::mapped(&[first, ("B", X)])),
        scanned("a byte order mark", "\u{feff}<?php class A {}", Verdict::mapped(&[first, ("A", X)])),
        scanned(
            "UTF-16",
            "<?php class A {}".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>(),
            Verdict::mapped(&[first, ("A", None)]),
        ),
        scanned(
            "a phar",
            "<?php touch('canary'); class A {} __HALT_COMPILER(); ?>\r\n\0\0\0\0O:8:\"Exploded\":0:{}",
            Verdict::mapped(&[first, ("A", X)]),
        ),
        scanned(
            "nothing but a line for the shell",
            "#!/usr/bin/env php",
            Verdict::refused(1, &["`extensions/Bad/src/x.php`", "PHP finds nothing in the file but a `#!` line"]),
        ),
        case(
            "one class in a thousand files",
            |yard| {
                yard.extension("{\"autoload\": {\"classmap\": [\"src/\"]}}");
                for at in 0..1000 {
                    yard.write(format!("tree/extensions/Bad/src/{at:04}.php"), "<?php class A {}");
                }
                yard.turn_on();
            },
            Verdict::mapped(&[("A", Some("extensions/Bad/src/0000.php"))]),
        ),
        case(
            "a class of core that an extension takes",
            |yard| {
                yard.extension("{\"autoload\": {\"classmap\": [\"src/\"]}}");
                yard.write(
                    "tree/extensions/Bad/src/Lib.php",
                    "<?php namespace Acme\\Lib; touch('canary'); class Lib {}",
                );
                yard.turn_on();
            },
            Verdict::mapped(&[]),
        ),
    ]
}
