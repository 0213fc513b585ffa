//! Which wiki a request is for, as a web server and a pool's configuration say.

use std::path::Path;

use super::tree::{HOSTS, Shown, State, Tree};
use super::{Pool, Settings};

#[test]
fn a_pool_and_a_web_server_name_the_wiki() {
    let tree = Tree::new();
    tree.build(&[]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fpm/show.php");
    let root = tree.root();
    let shown = |pool: &Pool, parameters: &[(&str, &str)]| {
        let mut all = vec![("TREE", root.to_str().expect("a path in UTF-8")), ("PAUSE", "0")];
        all.extend(parameters);
        let response = pool.get(&script, &all);
        assert!(response.status == 200 && response.stderr.is_empty(), "{response:?}\n{}", pool.log());
        serde_json::from_slice::<Shown>(&response.body).expect("what the wiki shows")
    };
    let wiki = |index| State::default().shown(index);
    let [port, plain] = HOSTS;

    let pool = Pool::start(&Settings::new(1));
    for (expected, parameters) in [
        (0, &[("HTTP_HOST", port)][..]),
        (1, &[("HTTP_HOST", plain)]),
        (1, &[]),
        (0, &[("HTTP_HOST", plain), ("MWFARM_WIKI", "port")]),
        (0, &[("HTTP_HOST", plain), ("MWFARM_EXTENSIONS", "Harbour")]),
        (0, &[("SERVER_NAME", port)]),
        (1, &[("HTTP_HOST", plain), ("SERVER_NAME", port)]),
        // A client's headers are HTTP_… parameters, and its query is none.
        (1, &[("HTTP_HOST", plain), ("HTTP_MWFARM_WIKI", "port"), ("QUERY_STRING", "MWFARM_WIKI=port&mwfarmAsks=x")]),
        // `--wiki` is for the command line, whatever register_argc_argv makes of the query.
        (1, &[("HTTP_HOST", plain), ("QUERY_STRING", "--wiki=port")]),
    ] {
        assert_eq!(shown(&pool, parameters), wiki(expected), "{parameters:?}");
    }

    // The pool's own environment.
    let pool = Pool::start(&Settings::new(1).pool("env[MWFARM_WIKI]", "port"));
    assert_eq!(shown(&pool, &[("HTTP_HOST", plain)]), wiki(0));
}
