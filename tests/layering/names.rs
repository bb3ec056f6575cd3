//! What a written path stands for: through `crate`, `self`, `super`, imports under another name, re-exports and globs.

use std::collections::BTreeSet;

use super::tree::{Module, Tree};

/// A path as it is written.
#[derive(Clone, Debug)]
pub struct Used {
    /// `["std", "fs", "File"]`; a macro's last segment ends in `!`.
    pub segments: Vec<String>,
    /// True if it begins with `::`, which names an outside crate.
    pub leading: bool,
    /// From 1.
    pub line: usize,
    /// True if only tests have it.
    pub in_tests: bool,
}

/// What a path stands for on the way from what is written to what is meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Meaning {
    /// In this crate: the path from its root, and how many of its segments are modules.
    Own(Vec<String>, usize),
    /// In another crate: `["std", "fs", "File"]`.
    Outside(Vec<String>),
}

/// Re-exports of re-exports that are followed; a circle of them ends here.
const MAX_HOPS: usize = 12;

/// Everything that `used` stands for in `module`: each hop, and each possibility where a glob leaves several.
pub fn meanings(tree: &Tree, module: &Module, used: &Used) -> BTreeSet<Meaning> {
    let mut found = BTreeSet::new();
    resolve(tree, module, &used.segments, used.leading, MAX_HOPS, &mut found);
    found
}

/// True if it is somewhere: in another crate, or a module or item of this one.
fn resolve(tree: &Tree, module: &Module, segments: &[String], leading: bool, hops: usize, found: &mut BTreeSet<Meaning>) -> bool {
    let Some((first, rest)) = segments.split_first() else { return false };
    if hops == 0 {
        return false;
    }
    if leading || ["std", "core", "alloc"].contains(&first.as_str()) {
        return outside(segments, found);
    }
    match first.as_str() {
        "crate" => return within(tree, Vec::new(), rest, true, hops, found),
        "self" if rest.first().is_some_and(|next| next == "super") => return resolve(tree, module, rest, false, hops, found),
        "self" => return within(tree, module.path.clone(), rest, true, hops, found),
        "super" => {
            let above = module.path[..module.path.len().saturating_sub(1)].to_vec();
            return match tree.get(&above) {
                Some(parent) if rest.first().is_some_and(|next| next == "super") => resolve(tree, parent, rest, false, hops, found),
                _ => within(tree, above, rest, true, hops, found),
            };
        }
        "Self" => return false,
        _ => {}
    }
    if within(tree, module.path.clone(), segments, false, hops, found) {
        return true;
    }
    outside(segments, found)
}

fn outside(segments: &[String], found: &mut BTreeSet<Meaning>) -> bool {
    let mut segments = segments.to_vec();
    match segments[0].as_str() {
        "core" | "alloc" => segments[0] = "std".into(),
        bare if segments.len() == 1 && bare.ends_with('!') => segments.insert(0, "std".into()),
        _ => {}
    }
    found.insert(Meaning::Outside(segments));
    true
}

/// Looks for `rest` in the module at `at`, following child modules, imports and globs. With `sure` it must be there,
/// even if a macro made it.
fn within(tree: &Tree, mut at: Vec<String>, rest: &[String], mut sure: bool, hops: usize, found: &mut BTreeSet<Meaning>) -> bool {
    let mut rest = rest;
    while let Some((next, after)) = rest.split_first() {
        let child: Vec<String> = at.iter().cloned().chain([next.clone()]).collect();
        if !tree.contains_key(&child) {
            break;
        }
        (at, rest, sure) = (child, after, true);
    }
    let Some(here) = tree.get(&at) else { return false };
    let depth = at.len();
    let whole: Vec<String> = at.iter().chain(rest).cloned().collect();
    let Some((next, after)) = rest.split_first() else {
        found.insert(Meaning::Own(whole, depth));
        return true;
    };
    let name = next.trim_end_matches('!');
    if let Some(imports) = here.aliases.get(name) {
        found.insert(Meaning::Own(whole, depth));
        for import in imports {
            // `use fs;` inside a module that is not called fs would else look for itself for ever.
            let own = import.segments.len() == 1 && import.segments[0] == *name;
            let target: Vec<String> = import.segments.iter().chain(after).cloned().collect();
            if own {
                outside(&target, found)
            } else {
                resolve(tree, here, &target, import.leading, hops - 1, found)
            };
        }
        return true;
    }
    if sure || here.items.contains(name) {
        found.insert(Meaning::Own(whole, depth));
    }
    if here.items.contains(name) {
        return true;
    }
    through_globs(tree, here, rest, hops, found) || sure
}

fn through_globs(tree: &Tree, here: &Module, rest: &[String], hops: usize, found: &mut BTreeSet<Meaning>) -> bool {
    let mut any = false;
    for glob in &here.globs {
        let target: Vec<String> = glob.segments.iter().chain(rest).cloned().collect();
        let mut behind = BTreeSet::new();
        let _ = resolve(tree, here, &target, glob.leading, hops - 1, &mut behind);
        // A glob of an own enum or module that does not have the name stands for nothing.
        any |= behind.iter().any(|m| matches!(m, Meaning::Own(..)));
        found.extend(behind);
    }
    any
}
