//! Secrets: made once, for nobody else's eyes.

use std::fs;
use std::os::unix::fs::MetadataExt;

use mwfarm::deploy::{secrets, users};

use super::ground::{Ground, as_user, output};

#[test]
fn secrets_stay_and_only_their_wiki_reads_them() {
    let mut ground = Ground::new(&[]);
    let (a, b) = (ground.wiki("a"), ground.wiki("b"));
    for wiki in [&a, &b] {
        users::ensure(&ground.options, wiki).expect("a user");
        // A kill left one that was not finished.
        let left = ground.root().join(format!("srv/private/.new.{}.git", wiki.name));
        fs::create_dir_all(left.join("objects")).expect("a directory");
        assert!(secrets::ensure(&ground.options, wiki).expect("secrets"));
        assert!(!left.exists());
    }
    let before = ground.listing();
    assert!(!secrets::ensure(&ground.options, &a).expect("secrets"));
    assert_eq!(ground.listing(), before);
    let first = secrets::read(&ground.options, &a.name).expect("secrets");
    assert_ne!(first, secrets::read(&ground.options, &b.name).expect("secrets"));

    let (private, file) = (ground.options.layout.private(&a.name), ground.options.layout.secrets(&a.name));
    let mode = |path: &std::path::Path| {
        let there = fs::symlink_metadata(path).expect("it is there");
        (there.uid(), there.gid(), there.mode() & 0o7777)
    };
    assert_eq!(mode(&private), (0, 0, 0o700));
    assert_eq!(mode(private.parent().expect("a directory")), (0, 0, 0o700));
    assert_eq!(mode(&file), (0, a.uid.expect("a number"), 0o440));
    let path = file.to_str().expect("UTF-8");
    let code = format!("$s = require '{path}'; echo $s['settings']['wgSecretKey'], $s['redis']['prefix'];");
    let read = |uid: u32| as_user(uid, "/".as_ref(), "php", &["-r", &code]);
    let text = format!("{}{}:", first.secret_key, first.cache_prefix);
    assert_eq!(read(a.uid.expect("a number")), (true, text));
    let (well, said) = read(b.uid.expect("a number"));
    assert!(!well && said.contains("Permission denied"), "{said}");
    let (well, _) = as_user(a.uid.expect("a number"), "/".as_ref(), "ls", &[private.to_str().expect("UTF-8")]);
    assert!(!well, "a wiki does not read the repository");
    let (well, _) = as_user(a.uid.expect("a number"), "/".as_ref(), "ls", &[file.parent().unwrap().to_str().unwrap()]);
    assert!(!well, "nor who else has secrets");

    // After a restart of the machine the file is gone; wider rights are taken back.
    fs::remove_file(&file).expect("the file");
    assert!(secrets::ensure(&ground.options, &a).expect("secrets"));
    assert!(output("chmod", &["0444", path]).status.success());
    assert!(secrets::ensure(&ground.options, &a).expect("secrets"));
    assert_eq!(mode(&file), (0, a.uid.expect("a number"), 0o440));
    assert_eq!(secrets::read(&ground.options, &a.name).expect("secrets"), first);

    // Rotated, also after a kill.
    fs::write(private.join("refs/heads/main.lock"), "").expect("a lock");
    let second = secrets::rotate(&ground.options, &a.name).expect("new secrets");
    assert_eq!(secrets::read(&ground.options, &a.name).expect("secrets"), second);
    assert_eq!((&second.cache_prefix, &second.admin_password), (&first.cache_prefix, &first.admin_password));
    assert!(second.secret_key != first.secret_key && second.redis_password != first.redis_password);
    assert!(secrets::render(&ground.options, &a).expect("the file"));

    // Removed and made again, they are others.
    assert!(secrets::remove(&ground.options, &a.name).expect("they go"));
    assert!(!secrets::remove(&ground.options, &a.name).expect("they are gone"));
    assert!(!private.exists() && !file.exists());
    assert!(secrets::ensure(&ground.options, &a).expect("secrets"));
    assert_ne!(secrets::read(&ground.options, &a.name).expect("secrets").cache_prefix, first.cache_prefix);
}
