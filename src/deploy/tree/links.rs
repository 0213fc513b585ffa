//! Where links lead, by their names alone.

use std::collections::HashMap;

use super::names;

/// How many links in a row are followed; Linux follows as many.
const MAX_CHAIN: usize = 40;

/// The most steps for all links of a tree together.
const MAX_STEPS: usize = 5_000_000;

/// Follows a link through all others; says, as the rest of a sentence, what is wrong with where it leads. What is not
/// there is followed, too: it may be there later.
pub(super) fn follow(links: &HashMap<String, String>, path: &str, steps: &mut usize) -> Result<(), &'static str> {
    let mut here = String::with_capacity(path.len());
    // What is still to be walked, the next part last.
    let mut ahead: Vec<&str> = path.split('/').rev().collect();
    let mut chain = 0;
    while let Some(part) = ahead.pop() {
        *steps += 1;
        if *steps > MAX_STEPS {
            return Err("is one of too many links through others");
        }
        match part {
            "" | "." => continue,
            ".." => {
                if here.is_empty() {
                    return Err("leads out of the tree");
                }
                here.truncate(here.rfind('/').unwrap_or(0));
                continue;
            }
            _ => {}
        }
        if names::is_dot_git(part) {
            return Err("leads to git's own files");
        }
        let above = here.len();
        if !here.is_empty() {
            here.push('/');
        }
        here.push_str(part);
        if above == 0 && part.eq_ignore_ascii_case(".mwfarm") {
            return Err("leads to mwfarm's own files");
        }
        let Some(target) = links.get(&here) else { continue };
        chain += 1;
        if chain > MAX_CHAIN {
            return Err("leads in a circle, or through too many links");
        }
        if target.starts_with('/') {
            return Err("is an absolute path, or leads through one");
        }
        here.truncate(above);
        ahead.extend(target.split('/').rev());
    }
    Ok(())
}
