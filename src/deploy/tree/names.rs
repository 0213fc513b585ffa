//! Which names a tree may have.

use super::{MAX_DEPTH, MAX_PATH};

/// What mwfarm itself puts at the top of a release.
const OURS: &[&str] = &[".mwfarm", "LocalSettings.php", "REVISION", "release.json"];

/// Checks a path; says what is wrong with it.
pub(super) fn check(path: &[u8], is_config: bool) -> Result<&str, String> {
    let Ok(path) = std::str::from_utf8(path) else { return Err("is not UTF-8".to_owned()) };
    if path.len() > MAX_PATH {
        return Err(format!("is longer than {MAX_PATH} bytes"));
    }
    if path.split('/').nth(MAX_DEPTH).is_some() {
        return Err(format!("lies more than {MAX_DEPTH} directories deep"));
    }
    if path.contains(|c: char| c.is_control() || c == '\\') {
        return Err("has a control character or `\\` in its name".to_owned());
    }
    for part in path.split('/') {
        if part.is_empty() || part == "." || part == ".." {
            return Err("is no path from the top".to_owned());
        }
        if part.len() > 255 {
            return Err("has a name of more than 255 bytes".to_owned());
        }
        if is_dot_git(part) {
            return Err("is a name of git's own".to_owned());
        }
    }
    let top = path.split('/').next().unwrap_or_default();
    match OURS.iter().find(|ours| ours.eq_ignore_ascii_case(top)) {
        // That of a wiki's configuration is what it is for.
        Some(_) if is_config && path == "LocalSettings.php" => {}
        Some(ours) => return Err(format!("is in the place of mwfarm's own `{ours}`")),
        None => {}
    }
    Ok(path)
}

/// Whether a file system takes a name for `.git`: in any case, with characters that HFS+ leaves out, with dots, spaces
/// and streams that NTFS leaves out, and by its short name there.
pub(super) fn is_dot_git(name: &str) -> bool {
    let left_out = |c: &char| matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}');
    let seen: String = name.chars().filter(|c| !left_out(c)).flat_map(char::to_lowercase).collect();
    let seen = seen.split(':').next().unwrap_or_default().trim_end_matches(['.', ' ']);
    seen == ".git" || seen == "git~1"
}
