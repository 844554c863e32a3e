//! Imports point down and never in a circle.
//!
//! The order of the rooms is the list in the module comment of `src/lib.rs`, that of the stages the
//! list in `src/gateway.rs`: they are read from there, so page and check cannot differ. A file
//! `room.rs` is the face of the folder `room/`: it may name what is inside and what is inside may name
//! it. Files of one folder are neighbours, and between neighbours there is no circle. An import of a
//! name which the face only passes on counts as an import of the file where it stands.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{self, File, Module};

/// Which module names which, found in the code outside tests.
struct Imports {
    files: Vec<File>,
    /// Names that a module passes on, with the whole path.
    passed_on: BTreeMap<Module, Vec<Module>>,
}

impl Imports {
    fn read() -> Self {
        let files: Vec<File> = source::files()
            .into_iter()
            .filter(|file| !file.is_test)
            .collect();
        let passed_on = files
            .iter()
            .map(|file| {
                let uses = file.code.match_indices("pub use ").chain(
                    file.code
                        .match_indices("pub(crate) use ")
                        .chain(file.code.match_indices("pub(super) use ")),
                );
                let names = uses
                    .flat_map(|(at, _)| {
                        let end = source::item_end(&file.code, at);
                        source::paths(&file.code[at..end])
                    })
                    .map(|path| absolute(&file.module, &path))
                    .collect();
                (file.module.clone(), names)
            })
            .collect();
        Self { files, passed_on }
    }

    /// The modules that a file names, itself left out.
    fn of(&self, file: &File) -> BTreeSet<Module> {
        let paths = source::paths(&file.code);
        let named = paths.iter().filter_map(|path| {
            // `self::x` and `super::super` in a visibility name no item of another file.
            let path = absolute(&file.module, path);
            (path.len() > 0).then(|| self.home(&path, 0))
        });
        named.filter(|module| *module != file.module).collect()
    }

    /// The file where the thing that `path` names stands.
    fn home(&self, path: &[String], hops: usize) -> Module {
        let is_file = |module: &[String]| self.files.iter().any(|file| file.module == module);
        let length = (0..=path.len())
            .rev()
            .find(|length| is_file(&path[..*length]));
        let (module, rest) = path.split_at(length.unwrap());
        let passed = rest.first().filter(|_| hops < 4).and_then(|name| {
            let names = self.passed_on.get(module)?;
            names.iter().find(|passed| passed.last() == Some(name))
        });
        match passed {
            Some(passed) if passed[..] != path[..module.len() + 1] => self.home(passed, hops + 1),
            _ => module.to_vec(),
        }
    }

    /// In each folder: which neighbour names which, and in which file.
    fn neighbours(&self) -> BTreeMap<Module, BTreeMap<(String, String), String>> {
        let mut folders: BTreeMap<Module, BTreeMap<_, _>> = BTreeMap::new();
        for file in &self.files {
            for target in self.of(file) {
                let shared = file
                    .module
                    .iter()
                    .zip(&target)
                    .take_while(|(left, right)| left == right)
                    .count();
                let (Some(left), Some(right)) = (file.module.get(shared), target.get(shared))
                else {
                    continue; // a face and what is behind it
                };
                folders
                    .entry(file.module[..shared].to_vec())
                    .or_default()
                    .insert((left.clone(), right.clone()), file.name());
            }
        }
        folders
    }
}

/// A path from the root of the crate.
fn absolute(module: &[String], path: &[String]) -> Module {
    let mut whole = if path[0] == "crate" {
        Vec::new()
    } else {
        module.to_vec()
    };
    for part in path {
        match part.as_str() {
            "crate" | "self" => {}
            "super" => {
                whole.pop();
            }
            part => whole.push(part.to_owned()),
        }
    }
    whole
}

/// A circle among neighbours, if there is one.
fn circle(edges: &BTreeMap<(String, String), String>) -> Option<Vec<String>> {
    fn walk(
        node: &str,
        edges: &BTreeMap<(String, String), String>,
        way: &mut Vec<String>,
        done: &mut BTreeSet<String>,
    ) -> Option<Vec<String>> {
        if let Some(start) = way.iter().position(|seen| seen == node) {
            return Some(way[start..].to_vec());
        }
        if done.contains(node) {
            return None;
        }
        way.push(node.to_owned());
        for (_, to) in edges.keys().filter(|(from, _)| from == node) {
            let found = walk(to, edges, way, done);
            if found.is_some() {
                return found;
            }
        }
        way.pop();
        done.insert(node.to_owned());
        None
    }
    let mut done = BTreeSet::new();
    edges
        .keys()
        .find_map(|(from, _)| walk(from, edges, &mut Vec::new(), &mut done))
}

/// The rooms in the order of the list in `src/lib.rs`, from the street down.
fn rooms() -> Vec<String> {
    let text = source::read("src/lib.rs".as_ref());
    let page: Vec<&str> = text
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .skip_while(|line| !line.starts_with(" - "))
        .collect();
    let page = page.join("\n");
    let named = page.split("[`").skip(1);
    named
        .map(|rest| rest.split('`').next().unwrap().to_owned())
        .collect()
}

/// The stages in the order of the list in `src/gateway.rs`.
fn stages() -> Vec<String> {
    let text = source::read("src/gateway.rs".as_ref());
    let list = text.split("```").nth(1).unwrap();
    let lines = list.lines().skip(1);
    lines
        .filter_map(|line| line.trim_start_matches("//!").split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_room_stands_once_in_the_list() {
    let mut declared: Vec<String> = source::files()
        .iter()
        .filter(|file| file.module.len() == 1)
        .map(|file| file.module[0].clone())
        .collect();
    let mut listed = rooms();
    declared.sort();
    listed.sort();
    assert_eq!(listed, declared);
}

#[test]
fn a_room_imports_only_rooms_further_down_the_list() {
    let rooms = rooms();
    let place = |name: &String| rooms.iter().position(|room| room == name).unwrap();
    let neighbours = Imports::read().neighbours();
    let edges = &neighbours[&Module::new()];
    assert!(edges.len() > 60, "only {} imports were found", edges.len());
    let up: Vec<String> = edges
        .iter()
        .filter(|((from, to), _)| place(from) >= place(to))
        .map(|((from, to), file)| format!("{from} imports {to} in {file}"))
        .collect();
    assert!(up.is_empty(), "imports that point up: {up:#?}");
}

#[test]
fn no_files_of_one_folder_import_each_other_in_a_circle() {
    let circles: Vec<String> = Imports::read()
        .neighbours()
        .iter()
        .filter_map(|(folder, edges)| {
            let around = circle(edges)?.join(" -> ");
            Some(format!("{}: {around} ({edges:#?})", folder.join("/")))
        })
        .collect();
    assert!(circles.is_empty(), "{circles:#?}");
}

#[test]
fn a_stage_never_imports_a_later_one() {
    let stages = stages();
    assert_eq!((stages.len(), stages[0].as_str()), (12, "accept"));
    let place = |name: &String| stages.iter().position(|stage| stage == name);
    let neighbours = Imports::read().neighbours();
    let folder = ["gateway".to_owned()];
    for ((from, to), file) in &neighbours[&folder[..]] {
        if let Some(from) = place(from) {
            let earlier = place(to).is_none_or(|to| to < from);
            assert!(earlier, "{file} imports the later stage `{to}`");
        }
    }
}

#[test]
fn code_outside_tests_imports_by_name() {
    for file in Imports::read().files {
        let starred = file.code.contains("::*;") || file.code.contains("::{*");
        assert!(!starred, "{} imports with `*`", file.name());
    }
}

#[test]
fn a_circle_is_found_and_a_way_down_is_none() {
    let edges = |pairs: &[(&str, &str)]| {
        let edge = |(from, to): &(&str, &str)| ((from.to_string(), to.to_string()), String::new());
        pairs.iter().map(edge).collect::<BTreeMap<_, _>>()
    };
    let down = edges(&[("a", "b"), ("b", "c"), ("a", "c"), ("d", "b")]);
    assert_eq!(circle(&down), None);
    let around = edges(&[("a", "b"), ("b", "c"), ("c", "b")]);
    assert_eq!(circle(&around).unwrap(), ["b", "c"]);
}
