//! What both web servers serve, and what they do not.

use super::daemons::{World, page};

#[test]
fn nginx_and_fpm_serve() {
    serves(&World::serving("fpm"));
}

#[test]
fn apache_and_itk_serve() {
    serves(&World::serving("itk"));
}

fn serves(world: &World) {
    for wiki in &world.wikis {
        for path in ["/", "/index.php", "/index.php/Title", "/wiki", "/wiki/Title", "/wiki/.htaccess", "/index.php/a/.b.php"] {
            let reply = world.get(wiki.host.as_str(), path);
            assert_eq!((reply.status, reply.body), (200, page(1)), "{path}\n{}", world.logs());
        }
        let shown = world.get(wiki.host.as_str(), "/wiki/Title?show").body;
        eprintln!("{shown}");
    }
}
