//! What docs/states/ shows: sessions walked by their tables, and put down as a diagram.

extern crate std;

use std::collections::{BTreeMap, BTreeSet};
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;
use std::{env, fs};

/// Ways from one state to the next, in the order in which they were found.
#[derive(Default)]
pub(super) struct Drawing {
    ways: Vec<(String, String, String)>,
}

impl Drawing {
    pub(super) fn way(&mut self, from: &str, by: &str, to: &str) {
        let way = (from.to_string(), by.to_string(), to.to_string());
        if !self.ways.contains(&way) {
            self.ways.push(way);
        }
    }

    /// What ends the session in every state in which it can happen, and in more than one.
    fn ends(&self) -> Vec<String> {
        let mut ends: Vec<String> = Vec::new();
        for (_, by, _) in &self.ways {
            let same: Vec<_> = self.ways.iter().filter(|(_, other, _)| other == by).collect();
            let from: BTreeSet<_> = same.iter().map(|(from, ..)| from).collect();
            let is_end = from.len() > 1 && same.iter().all(|(.., to)| to == "Closed");
            if is_end && !ends.contains(by) {
                ends.push(by.clone());
            }
        }
        ends
    }

    /// A Mermaid diagram of what changes the state, without what ends the session anywhere.
    pub(super) fn mermaid(&self, starts: &[&str], hidden: impl Fn(&str, &str) -> bool) -> String {
        let ends = self.ends();
        let mut order: Vec<(&str, &str)> = Vec::new();
        let mut labels: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
        for (from, by, to) in &self.ways {
            let is_told_below = to == "Closed" && (ends.contains(by) || hidden(from, by));
            if from == to || is_told_below {
                continue;
            }
            let arrow = (from.as_str(), to.as_str());
            if !order.contains(&arrow) {
                order.push(arrow);
            }
            labels.entry(arrow).or_default().push(by);
        }
        let mut text = String::from("```mermaid\nstateDiagram-v2\n");
        for start in starts {
            text += &format!("    [*] --> {start}\n");
        }
        for arrow in order {
            text += &format!("    {} --> {}: {}\n", arrow.0, arrow.1, join(&labels[&arrow]));
        }
        text +=
            "    Closed --> [*]\n```\n\nNot drawn, since it ends the session in whatever state: ";
        text + &ends.join(", ") + ".\n"
    }

    /// Every way, those that lead back included.
    pub(super) fn table(&self) -> String {
        let mut order: Vec<(&str, &str)> = Vec::new();
        let mut labels: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
        for (from, by, to) in &self.ways {
            let arrow = (from.as_str(), to.as_str());
            if !order.contains(&arrow) {
                order.push(arrow);
            }
            labels.entry(arrow).or_default().push(by);
        }
        let place = |name: &str| self.ways.iter().position(|(from, ..)| from == name);
        order.sort_by_key(|(from, _)| place(from));
        let mut text = String::from("| from | by | to |\n|---|---|---|\n");
        for arrow in order {
            text += &format!("| {} | {} | {} |\n", arrow.0, join(&labels[&arrow]), arrow.1);
        }
        text
    }
}

fn join(labels: &[&str]) -> String {
    labels.join(", ").replace("2yz, 3yz, 4yz, 5yz, 421", "any reply")
}

/// Compares the page with what it should be, or writes it where `UPDATE` is set.
pub(super) fn check(page: &str, text: &str) {
    let path = format!("{}/../docs/states/{page}", env!("CARGO_MANIFEST_DIR"));
    if env::var_os("UPDATE").is_some() {
        fs::write(&path, text).unwrap();
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == text,
        "docs/states/{page} is not what the tables give; UPDATE=1 cargo test -p smtp-proto drawing"
    );
}
