//! Prints the public items of the crate whose rustdoc JSON is named, one a line, sorted as rustdoc has
//! them. Of derived implementations the methods are left out, since they follow; of the paths of other
//! crates the modules, and of the standard library's all but the name: those are not ours to keep.

use std::collections::HashSet;
use std::error::Error;

use public_api::Builder;

fn main() -> Result<(), Box<dyn Error>> {
    let json = std::env::args().nth(1).ok_or("which JSON?")?;
    let builder =
        || Builder::from_rustdoc_json(&json).omit_blanket_impls(true).omit_auto_trait_impls(true);
    let written = builder().omit_auto_derived_impls(true).build()?;
    let written: HashSet<String> = written.items().map(|item| item.to_string()).collect();
    for item in builder().build()?.items().map(|item| item.to_string()) {
        let follows = item.contains("StructuralPartialEq") || item.contains("::fmt(&self, ");
        if !follows && (item.starts_with("impl") || written.contains(&item)) {
            println!("{}", shorten(&item));
        }
    }
    Ok(())
}

fn shorten(item: &str) -> String {
    let is_path = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':');
    let mut short = String::new();
    let mut rest = item;
    while let Some(start) = rest.find(is_path) {
        let (before, from) = rest.split_at(start);
        let (path, after) = from.split_at(from.find(|c| !is_path(c)).unwrap_or(from.len()));
        short += before;
        let parts: Vec<&str> = path.split("::").collect();
        short += &match (path.split_once("::"), path.rsplit_once("::")) {
            // Of these there are several.
            (Some(("core" | "std", _)), _)
                if matches!(parts[..], [_, "io" | "fmt", .., "Result" | "Error"]) =>
            {
                format!("{}::{}", parts[1], parts[parts.len() - 1])
            }
            (Some(("core" | "alloc" | "std", _)), Some((_, name))) => name.to_owned(),
            (Some((root, _)), Some((_, name)))
                if !root.is_empty() && !root.starts_with("smtp_") =>
            {
                format!("{root}::{name}")
            }
            _ => path.to_owned(),
        };
        rest = after;
    }
    short + rest
}
