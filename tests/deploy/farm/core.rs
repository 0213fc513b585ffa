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
