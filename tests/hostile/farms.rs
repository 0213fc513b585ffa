//! Lists of wikis. What `farms.yml` and settings can do is in `config::hostile`.

use super::cases::{Case, Verdict, case};

const FILE: &str = "`tree/wikis.yml`";

/// A farm with this list.
fn wikis(name: &'static str, text: impl Into<Vec<u8>>, verdict: Verdict) -> Case {
    let text = text.into();
    case(name, move |yard| yard.write("tree/wikis.yml", &text), verdict)
}

/// A wiki of this identifier, in YAML.
fn id(name: &'static str, id: &str) -> Case {
    let says = "must be 1 to 63 of a-z, 0-9, `_`, `-`, and begin with a letter or a digit";
    wikis(
        name,
        format!("wikis: {{{id}: {{hosts: [x.example.org]}}}}\n"),
        Verdict::refused(5, &[FILE, "field `wikis.", says]),
    )
}

/// A wiki of this host, in YAML.
fn host(name: &'static str, host: &str) -> Case {
    wikis(
        name,
        format!("wikis: {{one: {{hosts: [{host}]}}}}\n"),
        Verdict::refused(5, &[FILE, "field `wikis.one.hosts"]),
    )
}

/// A wiki with this extension, in YAML.
fn extension(name: &'static str, extension: &str) -> Case {
    let text = format!("wikis: {{one: {{hosts: [x.example.org], extensions: [{extension}]}}}}\n");
    wikis(name, text, Verdict::refused(5, &["tree/wikis.yml", "field `wikis.one.extensions[0]`"]))
}

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn cases() -> Vec<Case> {
    let bomb = (1..10)
        .map(|at| format!("a{at}: &a{at} [{}]\n", vec![format!("*a{}", at - 1); 10].join(", ")))
        .collect::<Vec<_>>()
        .concat();
    let many = (0..3000)
        .map(|at| format!("  w{at}: {{hosts: [w{at}.example.org], extensions: *x}}\n"))
        .collect::<Vec<_>>()
        .concat();
    vec![
        wikis("nothing", "", Verdict::refused(5, &[FILE, "is empty"])),
        wikis("no YAML", "wikis: {one: [\n", Verdict::refused(5, &[FILE])),
        wikis("no UTF-8", b"wikis: {\xff: {hosts: []}}\n", Verdict::refused(5, &[FILE, "is not UTF-8"])),
        wikis("NUL", "wikis: {one: {hosts: [\"x\0.example.org\"]}}\n", Verdict::refused(5, &[FILE])),
        wikis(
            "UTF-16",
            "wikis: {}\n".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>(),
            Verdict::refused(5, &[FILE]),
        ),
        wikis("a list", "- one\n- two\n", Verdict::refused(5, &[FILE, "is not a list of wikis"])),
        wikis(
            "a wiki given twice",
            "wikis:\n  one: {hosts: [a.org]}\n  one: {hosts: [b.org]}\n",
            Verdict::refused(5, &[FILE]),
        ),
        wikis(
            "a field given twice",
            "wikis:\n  one: {hosts: [a.org], hosts: [b.org]}\n",
            Verdict::refused(5, &[FILE, "hosts"]),
        ),
        wikis(
            "a field that is unknown",
            "wikis:\n  one: {hosts: [a.org], extension: [Good]}\n",
            Verdict::refused(5, &[FILE, "field `wikis.one", "extension"]),
        ),
        wikis("two documents", "wikis: {one: {hosts: [a.org]}}\n---\nwikis: {}\n", Verdict::refused(5, &[FILE])),
        wikis(
            "an alias bomb",
            format!("a0: &a0 x\n{bomb}wikis: {{one: {{hosts: *a9}}}}\n"),
            Verdict::refused(5, &[FILE]),
        ),
        wikis("an alias to itself", "wikis: &a {one: {hosts: [*a]}}\n", Verdict::refused(5, &[FILE])),
        wikis("a merge of itself", "wikis: &a\n  <<: *a\n  one: {hosts: [a.org]}\n", Verdict::refused(5, &[FILE])),
        wikis(
            "deep lists",
            format!("wikis: {{one: {{hosts: {}{}}}}}\n", "[".repeat(200_000), "]".repeat(200_000)),
            Verdict::refused(5, &[FILE]),
        ),
        wikis(
            "deep blocks",
            (0..3000).map(|at| format!("{}a:\n", " ".repeat(at))).collect::<Vec<_>>().concat(),
            Verdict::refused(5, &[FILE]),
        ),
        wikis(
            "a tag of PHP",
            "wikis: {one: {hosts: [!php/object 'O:8:\"stdClass\":0:{}']}}\n",
            Verdict::refused(5, &[FILE]),
        ),
        wikis(
            "a key without end",
            format!("wikis: {{{}: {{hosts: [a.org]}}}}\n", "x".repeat(1_000_000)),
            Verdict::refused(5, &[FILE]),
        ),
        wikis(
            "one anchor for three thousand wikis",
            format!("wikis:\n  one: {{hosts: [one.example.org], extensions: &x [Good]}}\n{many}"),
            Verdict::built(&[]),
        ),
        case(
            "a list of 60 GB",
            |yard| yard.hole("tree/wikis.yml", 60 << 30),
            Verdict::refused(5, &[FILE, "is larger than"]),
        ),
        case("a list that is a pipe", |yard| yard.pipe("tree/wikis.yml"), Verdict::refused(5, &[FILE])),
        case("a list that is a directory", |yard| yard.directory("tree/wikis.yml"), Verdict::refused(5, &[FILE])),
        case("a list that is a device", |yard| yard.link("/dev/zero", "tree/wikis.yml"), Verdict::refused(5, &[FILE])),
        case(
            "a list that leads to itself",
            |yard| yard.link("wikis.yml", "tree/wikis.yml"),
            Verdict::refused(5, &[FILE]),
        ),
        id("an identifier that is a way up", "../x"),
        id("an identifier that is an option", "-rf"),
        id("an identifier that is PHP", "\"a'].touch('canary').$x['\""),
        id("an identifier with a new line", "\"one\\n\""),
        id("an identifier in capitals", "One"),
        id("an identifier that is longer than any", &"x".repeat(64)),
        id("an identifier that turns the line round", "\"\\u202eone\""),
        id("no identifier", "''"),
        host("a host that is a way up", "../../x"),
        host("a host with a port", "x.example.org:8080"),
        host("a host in capitals and with a final dot", "X.Example.Org."),
        host("a host that is PHP", "\"a']=touch('canary');//\""),
        host("a host with a new line", "\"x.example.org\\n\""),
        host("a host that closes a section of Apache", "'x.example.org</VirtualHost>'"),
        host("a host with a variable", "'${HOME}.example.org'"),
        host("a host with a star", "'*.example.org'"),
        host("a host that is longer than any", &format!("{}.org", "x.".repeat(200))),
        host("a host with a look-alike", "exаmple.org"),
        host("a path that is a way up", "x.example.org/../y"),
        host("one host twice", "x.example.org, x.example.org"),
        wikis(
            "a host of two wikis",
            "wikis: {one: {hosts: [a.org]}, two: {hosts: [a.org]}}\n",
            Verdict::refused(5, &[FILE, "a.org", "hosts[0]"]),
        ),
        extension("an extension that is a way up", "../../../outside/linked"),
        extension("an extension that is absolute", "/etc"),
        extension("an extension that is PHP", "\"a'.touch('canary').'\""),
        extension("an extension with NUL", "\"Good\\0\""),
        extension("an extension that is not there", "None"),
        extension("an extension in other letters", "good"),
        extension("an extension with a point as a part", "./Good"),
        wikis(
            "a text for a list",
            "wikis: {one: {hosts: a.org}}\n",
            Verdict::refused(5, &[FILE, "field `wikis.one.hosts`"]),
        ),
        // YAML's 1.40 is text where a text is awaited, and no number that is 1.4.
        wikis("a number for a host", "wikis: {one: {hosts: [1.40]}, two: {hosts: [1.4]}}\n", Verdict::built(&[])),
    ]
}
