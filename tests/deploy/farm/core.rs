//! A core of a few files that stands in for MediaWiki where only mechanics are tested: it reads its settings as
//! MediaWiki does, has pages of several files, and an update.php that changes a schema.

use std::collections::BTreeMap;

/// The files of a version, each of which knows it.
pub(super) fn files(version: &str) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut put = |path: &str, text: String| files.insert(path.to_owned(), text);
    let entry = "<?php\ndefine('MW_INSTALL_PATH', __DIR__);\n$IP = __DIR__;\n$wgObjectCaches = [];\n\
                 require getenv('MW_CONFIG_FILE') ?: __DIR__ . '/LocalSettings.php';\n";
    put("index.php", format!("{entry}$index = '{version}';\nrequire __DIR__ . '/includes/Page.php';\n"));
    put("includes/Page.php", page(version));
    put(
        "api.php",
        format!(
            "{entry}require __DIR__ . '/includes/Health.php';\n\
             header('Content-Type: application/json');\n\
             echo '{{\"query\":{{\"general\":{{\"generator\":\"MediaWiki 1.0\"}}}}}}';\n"
        ),
    );
    put("includes/Health.php", "<?php\n".to_owned());
    put("includes/Defines.php", "<?php\ndefine( 'MW_VERSION', '1.0' );\n".to_owned());
    put("maintenance/update.php", update());
    put("maintenance/show.php", "<?php\ndefine('MW_INSTALL_PATH', dirname(__DIR__));\nrequire getenv('MW_CONFIG_FILE');\necho json_encode([$wgSitename, posix_geteuid(), array_slice($argv, 1), getcwd()]), \"\\n\";\n".to_owned());
    put("schema.sql", "CREATE TABLE IF NOT EXISTS page (id INTEGER)".to_owned());
    put("resources/style.css", format!("body {{ /* {version} */ }}\n"));
    for number in 0..150 {
        put(&format!("includes/part/{number}/Part{number}.php"), format!("<?php\nclass Part{number} {{}}\n"));
    }
    files
}

/// The same, of few files, where each page and each update needs the wiki's Redis and its `MariaDB`, as those of
/// MediaWiki do.
pub(super) fn with_stores(version: &str) -> BTreeMap<String, String> {
    let mut files = files(version);
    files.retain(|path, _| !path.starts_with("includes/part/"));
    let database = "mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);\n\
         $db = new mysqli('localhost', $wgDBuser, '', $wgDBname, 0, explode(':', $wgDBserver, 2)[1]);\n";
    let stores = format!(
        "<?php\n\
         $redis = $wgObjectCaches['redis'];\n\
         $own = (require $redis['farmSecrets'])['redis'];\n\
         $cache = new Redis();\n\
         $cache->connect($redis['servers'][0]);\n\
         $cache->auth([$own['user'], $own['password']]);\n\
         $cache->setOption(Redis::OPT_PREFIX, $own['prefix']);\n\
         $cache->set('page', $wgDBname);\n\
         if ($cache->get('page') !== $wgDBname) {{ throw new Exception('the cache forgets'); }}\n\
         {database}\
         $db->query('SELECT COUNT(*) FROM page');\n"
    );
    files.insert("includes/Stores.php".to_owned(), stores);
    files.insert("includes/Health.php".to_owned(), "<?php\nrequire __DIR__ . '/Stores.php';\n".to_owned());
    let page = files["includes/Page.php"].replace("<?php\n", "<?php\nrequire __DIR__ . '/Stores.php';\n");
    files.insert("includes/Page.php".to_owned(), page);
    let update = format!(
        "<?php\n\
         define('MW_INSTALL_PATH', dirname(__DIR__));\n\
         require getenv('MW_CONFIG_FILE');\n\
         {database}\
         $db->query(file_get_contents(dirname(__DIR__) . '/schema.sql'));\n"
    );
    files.insert("maintenance/update.php".to_owned(), update);
    files
}

/// The file that makes the page.
pub(super) fn page(version: &str) -> String {
    format!(
        "<?php\necho \"index $index page {version} site $wgSitename release \" . basename(__DIR__, '/includes') . basename(dirname(__DIR__)), \"\\n\";\n"
    )
}

fn update() -> String {
    "<?php\n\
     if (getenv('MW_CONFIG_FILE') === false) { exit(9); }\n\
     define('MW_INSTALL_PATH', dirname(__DIR__));\n\
     require getenv('MW_CONFIG_FILE');\n\
     if (!isset($wgSQLiteDataDir)) { exit(0); }\n\
     $db = new PDO(\"sqlite:$wgSQLiteDataDir/$wgDBname.sqlite\");\n\
     $db->setAttribute(PDO::ATTR_ERRMODE, PDO::ERRMODE_EXCEPTION);\n\
     $db->exec(file_get_contents(dirname(__DIR__) . '/schema.sql'));\n"
        .to_owned()
}
