//! The corpora of the fuzz targets (`fuzz/README.md`), replayed: what a fuzzer found worth keeping, and
//! every finding, is an ordinary case for whoever runs the tests.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail loudly"
)]

use std::path::Path;

#[path = "../fuzz/src/targets.rs"]
mod targets;

/// What must hold for any bytes.
type Check = fn(&[u8]);

/// Replays the corpus of `target`; how many cases that were.
fn replay(target: &str, check: Check) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let mut cases = 0;
    for file in std::fs::read_dir(folder).expect("the corpus of this target") {
        let file = file.expect("a file of it").path();
        let bytes = std::fs::read(&file).expect("its bytes");
        if let Err(failed) = std::panic::catch_unwind(|| check(&bytes)) {
            eprintln!("the case is {}", file.display());
            std::panic::resume_unwind(failed);
        }
        cases += 1;
    }
    cases
}

#[test]
fn every_case_of_every_corpus_holds() {
    let targets: [(&str, Check); 8] = [
        ("csv", targets::markup::check_csv),
        ("entry", targets::entry::check),
        ("filter", targets::filter::check),
        ("http1", targets::http1::check),
        ("json", targets::json::check),
        ("path", targets::path::check),
        ("segment", targets::segment::check),
        ("xml", targets::markup::check_xml),
    ];
    for (target, check) in targets {
        assert!(replay(target, check) > 0, "{target} has no corpus");
    }
    let folders = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let folders = std::fs::read_dir(folders).expect("the corpora").count();
    assert_eq!(folders, targets.len(), "a corpus that nothing replays");
}
