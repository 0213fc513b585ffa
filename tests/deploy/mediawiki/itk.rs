//! Apache with mpm-itk behind nginx, as the document has it, and `SQLite`.

use super::MediaWikis;
use super::core::mediawiki_39;
use crate::deploy::farm::{Farm, Plan};

#[test]
fn wikis_are_served_by_apache_as_their_users() {
    let farm = Farm::start(&Plan::of_core("itk", mediawiki_39(), &["database: sqlite"]));
    farm.create("a");
    let page = farm.view("a", "Main_Page");
    assert!(page.body.contains(&format!("<title>{}</title>", farm.name("a"))), "{page:?}");
    for path in ["/wiki/Main_Page", "/rest.php/v1/page/Main_Page", "/load.php?modules=startup&only=scripts&raw=1"] {
        assert_eq!(farm.get("a", path).status, 200, "{path}");
    }
    let general = farm.browser("a").api(&[("action", "query"), ("meta", "siteinfo")]);
    assert_eq!(general["query"]["general"]["dbtype"], "sqlite");
    farm.maintain("a", "edit", &["--user", "Admin", "Written"], "Text of a script.").well();
    let password = farm.secrets("a").admin_password;
    let mut admin = farm.browser("a");
    admin.log_in("Admin", &password);
    admin.edit("Written", "Text of a person.");
    assert!(farm.view("a", "Written").body.contains("Text of a person."));

    farm.push_file("a", "thumb.php", "<?php eval( $_POST['code'] );");
    farm.deploy("a").well();
    let uid = farm.show("a")["wiki"]["uid"].to_string();
    assert_eq!(farm.execute("a", "echo posix_geteuid();"), uid, "the push is served at once, as the wiki's user");
    let release = farm.release("a").expect("a release");
    assert!(farm.view("a", "Main_Page").head.contains(&format!("MwFarm-Release: {release}")));
    farm.push_file("a", "thumb.php", "<?php echo 'another';");
    farm.deploy("a").well();
    assert_eq!(farm.execute("a", "echo posix_geteuid();"), "another");

    // What the wiki's own file lists, with the packages of just that.
    assert_eq!(classes(&farm), "[true,true]", "all of the tree's can be loaded");
    farm.configure_files(
        "a",
        "printf 'extensions: [AbuseFilter]\\nskins: [Vector]\\n' > wiki.yml; echo '<?php' > LocalSettings.php",
    );
    farm.deploy("a").well();
    assert_eq!(classes(&farm), "[true,false]");
    let extensions = farm.extensions("a");
    assert!(
        extensions.contains(&"Abuse Filter".to_owned()) && extensions.contains(&"Vector".to_owned()),
        "{extensions:?}"
    );
    farm.configure_files("a", "git rm -q wiki.yml; printf \"<?php\\nwfLoadSkin( 'Vector' );\\nwfLoadExtension( 'OATHAuth' );\\n\" > LocalSettings.php");
    farm.deploy("a").well();
    assert_eq!(classes(&farm), "[true,true]");
    let extensions = farm.extensions("a");
    assert!(
        extensions.contains(&"OATHAuth".to_owned()) && !extensions.contains(&"Abuse Filter".to_owned()),
        "{extensions:?}"
    );
    assert_eq!(farm.faults("a"), [""; 0]);
}

/// Which classes of packages can be loaded: one of `AbuseFilter`'s, one of `OATHAuth`'s.
fn classes(farm: &Farm) -> String {
    let code = "echo json_encode( array_map( 'class_exists', [ 'Wikimedia\\\\Equivset\\\\Equivset', 'jakobo\\\\HOTP\\\\HOTP' ] ) );\n";
    let said = farm.maintain("a", "eval", &[], code).well();
    said.trim().to_owned()
}
