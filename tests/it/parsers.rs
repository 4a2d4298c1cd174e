//! Parsers of bytes that others have written keep their promises: for every fixture, and for everything that once broke one.
//!
//! The promises are the bodies of the fuzz targets (`tests/fuzz`), so that what a fuzzer has found stays found.

#[allow(unreachable_pub, reason = "the fuzz targets are another crate that uses this")]
#[path = "../fuzz/src/lib.rs"]
mod fuzz;

use std::fs;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// Larger fixtures say nothing that smaller ones do not.
const MOST_BYTES: usize = 64 << 10;
/// Targets that write files or open databases look at every so many fixtures only.
const SLOW: [&str; 7] = ["archive", "config", "guards", "settings", "sqlite", "store", "tail"];
const STEP: usize = 9;

fn files(below: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(below);
    let all = WalkDir::new(root).sort_by_file_name().into_iter().filter_map(Result::ok);
    all.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path).collect()
}

fn body(name: &str) -> fuzz::Run {
    fuzz::ALL.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("there is no target {name}")).1
}

/// Runs a target; a promise that is broken names the file.
fn holds(name: &str, run: fuzz::Run, path: &Path, bytes: &[u8]) {
    if let Err(panic) = std::panic::catch_unwind(|| run(bytes)) {
        eprintln!("{name} does not hold for {}", path.display());
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn what_once_broke_a_parser_does_not_break_it_again() {
    let found = files("fuzz/found");
    assert!(!found.is_empty());
    for path in found {
        let name = path.parent().unwrap().file_name().unwrap().to_str().unwrap();
        holds(name, body(name), &path, &fs::read(&path).unwrap());
    }
}

#[test]
fn every_parser_keeps_its_promises_for_every_fixture() {
    let fixtures: Vec<(PathBuf, Vec<u8>)> = files("fixtures").into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    assert!(fixtures.len() > 100);
    for (name, run) in fuzz::ALL {
        let step = if SLOW.contains(name) { STEP } else { 1 };
        for (i, (path, bytes)) in fixtures.iter().enumerate().filter(|(_, (_, bytes))| bytes.len() <= MOST_BYTES).step_by(step) {
            // The last byte says how it is read.
            for how in [b'\n', u8::try_from(i % 256).unwrap()] {
                holds(name, *run, path, &[bytes.as_slice(), &[how]].concat());
            }
        }
    }
}

#[test]
fn every_target_is_built_and_has_a_body() {
    let names: Vec<String> = files("fuzz/targets").iter().map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    let bodies: Vec<&str> = fuzz::ALL.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, bodies);
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/Cargo.toml")).unwrap();
    for name in bodies {
        assert!(manifest.contains(&format!("path = \"targets/{name}.rs\"")), "{name}");
    }
}
