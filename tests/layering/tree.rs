//! Reads a crate's source into a tree of modules, each with what its names stand for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

use super::names::Used;

/// A module of the crate.
#[derive(Default)]
pub struct Module {
    /// From the crate's root: `["listen", "signal"]`; empty for the root itself.
    pub path: Vec<String>,
    /// Where it is written.
    pub file: PathBuf,
    /// What `use` brings in: the name here, and what it stands for, as written.
    pub aliases: BTreeMap<String, Vec<Used>>,
    /// What `use …::*` opens, as written.
    pub globs: Vec<Used>,
    /// Everything else that it defines: functions, types, constants, macros.
    pub items: BTreeSet<String>,
    /// Every path that is written in it, in order of lines.
    pub used: Vec<Used>,
    /// Lines on which something waits (`async`, `.await`).
    pub waits: Vec<usize>,
    /// Lines with a `#[path]`, which would hide where a module lives.
    pub hidden: Vec<usize>,
}

/// All modules of a crate by their path.
pub type Tree = BTreeMap<Vec<String>, Module>;

/// Reads the crate whose root is `src/lib.rs`. Gives the tree and the files that belong to it.
///
/// A file that can't be read or parsed fails the test.
pub fn read(src: &Path) -> (Tree, BTreeSet<PathBuf>) {
    let mut reader = Reader { tree: Tree::new(), files: BTreeSet::new() };
    reader.file(src.join("lib.rs"), &src.join(""), Vec::new(), false);
    (reader.tree, reader.files)
}

struct Reader {
    tree: Tree,
    files: BTreeSet<PathBuf>,
}

impl Reader {
    fn file(&mut self, file: PathBuf, children: &Path, path: Vec<String>, in_tests: bool) {
        let text = std::fs::read_to_string(&file).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
        let parsed = syn::parse_file(&text).unwrap_or_else(|why| panic!("{}:{}: {why}", file.display(), why.span().start().line));
        self.files.insert(file.clone());
        self.module(Module { path, file, ..Module::default() }, &parsed.items, children, in_tests);
    }

    fn module(&mut self, module: Module, items: &[syn::Item], children: &Path, in_tests: bool) {
        let mut walk = Walk { module, in_tests, inner: Vec::new() };
        items.iter().for_each(|item| walk.visit_item(item));
        let Walk { module, inner, .. } = walk;
        let (path, file) = (module.path.clone(), module.file.clone());
        self.tree.insert(path.clone(), module);
        for (child, in_tests) in inner {
            let name = child.ident.to_string();
            let path: Vec<String> = path.iter().cloned().chain([name.clone()]).collect();
            match &child.content {
                Some((_, items)) => {
                    self.module(Module { path, file: file.clone(), ..Module::default() }, items, &children.join(&name), in_tests);
                }
                None => {
                    let beside = children.join(format!("{name}.rs"));
                    let file = if beside.exists() { beside } else { children.join(&name).join("mod.rs") };
                    self.file(file, &children.join(&name), path, in_tests);
                }
            }
        }
    }
}

/// Walks the items of one module; child modules are only noted.
struct Walk {
    module: Module,
    in_tests: bool,
    inner: Vec<(syn::ItemMod, bool)>,
}

/// True for `#[cfg(test)]` and `#[test]`.
fn only_in_tests(attrs: &[syn::Attribute]) -> bool {
    attrs.iter().any(|a| a.path().is_ident("test") || a.path().is_ident("cfg") && a.parse_args::<syn::Path>().is_ok_and(|p| p.is_ident("test")))
}

fn attrs_of(item: &syn::Item) -> &[syn::Attribute] {
    use syn::Item::{Const, Enum, Fn, Impl, Macro, Mod, Static, Struct, Trait, Type, Use};
    match item {
        Const(i) => &i.attrs,
        Enum(i) => &i.attrs,
        Fn(i) => &i.attrs,
        Impl(i) => &i.attrs,
        Macro(i) => &i.attrs,
        Mod(i) => &i.attrs,
        Static(i) => &i.attrs,
        Struct(i) => &i.attrs,
        Trait(i) => &i.attrs,
        Type(i) => &i.attrs,
        Use(i) => &i.attrs,
        _ => &[],
    }
}

fn name_of(item: &syn::Item) -> Option<&syn::Ident> {
    use syn::Item::{Const, Enum, Fn, Macro, Static, Struct, Trait, TraitAlias, Type, Union};
    match item {
        Const(i) => Some(&i.ident),
        Enum(i) => Some(&i.ident),
        Fn(i) => Some(&i.sig.ident),
        Macro(i) => i.ident.as_ref(),
        Static(i) => Some(&i.ident),
        Struct(i) => Some(&i.ident),
        Trait(i) => Some(&i.ident),
        TraitAlias(i) => Some(&i.ident),
        Type(i) => Some(&i.ident),
        Union(i) => Some(&i.ident),
        _ => None,
    }
}

impl Walk {
    fn note(&mut self, segments: Vec<String>, leading: bool, line: usize) {
        self.module.used.push(Used { segments, leading, line, in_tests: self.in_tests });
    }

    /// Follows a tree of `use` down to each name that it brings in.
    fn import(&mut self, tree: &syn::UseTree, before: &[String], leading: bool) {
        let used = |walk: &Walk, last: Option<&syn::Ident>, line: usize| Used {
            segments: before.iter().cloned().chain(last.filter(|i| *i != "self").map(ToString::to_string)).collect(),
            leading,
            line,
            in_tests: walk.in_tests,
        };
        match tree {
            syn::UseTree::Path(p) => {
                let before: Vec<String> = before.iter().cloned().chain([p.ident.to_string()]).collect();
                self.import(&p.tree, &before, leading);
            }
            syn::UseTree::Group(g) => g.items.iter().for_each(|tree| self.import(tree, before, leading)),
            syn::UseTree::Name(n) => {
                let used = used(self, Some(&n.ident), n.ident.span().start().line);
                let name = used.segments.last().cloned().unwrap_or_default();
                self.alias(name, used);
            }
            syn::UseTree::Rename(r) => {
                let used = used(self, Some(&r.ident), r.ident.span().start().line);
                self.alias(r.rename.to_string(), used);
            }
            syn::UseTree::Glob(g) => {
                let used = used(self, None, g.star_token.spans[0].start().line);
                self.module.globs.push(used.clone());
                self.module.used.push(used);
            }
        }
    }

    fn alias(&mut self, name: String, used: Used) {
        self.module.aliases.entry(name).or_default().push(used.clone());
        self.module.used.push(used);
    }

    /// Paths in the tokens of a macro call or attribute, which are not parsed as Rust.
    fn tokens(&mut self, tokens: &proc_macro2::TokenStream) {
        use proc_macro2::TokenTree::{Group, Ident, Punct};
        let (mut segments, mut colons, mut line) = (Vec::new(), 0, 0);
        for token in tokens.clone() {
            match &token {
                Ident(ident) if segments.is_empty() || colons == 2 => {
                    line = if segments.is_empty() { ident.span().start().line } else { line };
                    segments.push(ident.to_string());
                    colons = 0;
                    continue;
                }
                Punct(p) if p.as_char() == ':' && colons < 2 && !segments.is_empty() => {
                    colons += 1;
                    continue;
                }
                _ => {}
            }
            if !segments.is_empty() {
                self.note(std::mem::take(&mut segments), false, line);
            }
            colons = 0;
            match &token {
                Group(group) => self.tokens(&group.stream()),
                Ident(ident) => {
                    line = ident.span().start().line;
                    segments.push(ident.to_string());
                }
                _ => {}
            }
        }
        if !segments.is_empty() {
            self.note(segments, false, line);
        }
    }
}

impl<'ast> Visit<'ast> for Walk {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let outside = self.in_tests;
        self.in_tests |= only_in_tests(attrs_of(item));
        if let Some(name) = name_of(item) {
            self.module.items.insert(name.to_string());
        }
        visit::visit_item(self, item);
        self.in_tests = outside;
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if let Some(attr) = item.attrs.iter().find(|a| a.path().is_ident("path")) {
            self.module.hidden.push(attr.pound_token.spans[0].start().line);
        }
        self.inner.push((item.clone(), self.in_tests));
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.import(&item.tree, &[], item.leading_colon.is_some());
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        let name = item.rename.as_ref().map_or(&item.ident, |(_, rename)| rename).to_string();
        let line = item.ident.span().start().line;
        self.alias(name, Used { segments: vec![item.ident.to_string()], leading: true, line, in_tests: self.in_tests });
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments = path.segments.iter().map(|s| s.ident.to_string()).collect();
        let line = path.segments.first().map_or(0, |s| s.ident.span().start().line);
        self.note(segments, path.leading_colon.is_some(), line);
        visit::visit_path(self, path);
    }

    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        let line = call.path.segments.first().map_or(0, |s| s.ident.span().start().line);
        let mut segments: Vec<String> = call.path.segments.iter().map(|s| s.ident.to_string()).collect();
        if let Some(last) = segments.last_mut() {
            last.push('!');
        }
        self.note(segments, call.path.leading_colon.is_some(), line);
        self.tokens(&call.tokens);
    }

    fn visit_meta_list(&mut self, list: &'ast syn::MetaList) {
        visit::visit_path(self, &list.path);
        if !["doc", "cfg", "cfg_attr", "allow", "expect", "serde", "schemars"].iter().any(|own| list.path.is_ident(own)) {
            self.tokens(&list.tokens);
        }
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        if let (Some(token), false) = (signature.asyncness, self.in_tests) {
            self.module.waits.push(token.span.start().line);
        }
        visit::visit_signature(self, signature);
    }

    fn visit_expr_async(&mut self, block: &'ast syn::ExprAsync) {
        if !self.in_tests {
            self.module.waits.push(block.async_token.span.start().line);
        }
        visit::visit_expr_async(self, block);
    }

    fn visit_expr_await(&mut self, expr: &'ast syn::ExprAwait) {
        if !self.in_tests {
            self.module.waits.push(expr.await_token.span.start().line);
        }
        visit::visit_expr_await(self, expr);
    }
}
