//! How long an entry waits for its answer, by how many writers there are, each of which appends as soon as it is
//! answered: of the ledger, of the plain file, and of a bare `fdatasync` of 4 KiB before and after each.
//!
//! So the load is whatever so many writers make of it, on any machine. A generator that releases entries at even
//! times takes one of two cores for itself at these rates, and then tells how long it waits for the other.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use covenant::clock::Clock;

use super::{Contestant, middle};

const WRITERS: [usize; 8] = [1, 2, 4, 8, 16, 32, 48, 64];

/// What so many writers came to.
struct Row {
    writers: usize,
    rate: f64,
    p50: f64,
    p99: f64,
    bare: f64,
}

/// Prints the waits of each contestant, and that at half of the rate that it has with all writers.
pub(crate) async fn print(place: &Path, rates: [(Contestant, f64); 2], round: Duration) {
    let syncs = if round.as_millis() < 500 { 50 } else { 500 };
    let bare = || bare_sync(&place.join("sync"), syncs);
    println!(
        "waits, us:  {:>8} {:>10} {:>8} {:>8} {:>14} {:>7}",
        "writers", "entries/s", "p50", "p99", "fdatasync p50", "ratio"
    );
    for (contestant, rate) in rates {
        let mut half: Option<Row> = None;
        for writers in WRITERS {
            let before = bare();
            let mut loaded = contestant.run(place, writers, round).await;
            let row = Row {
                writers,
                rate: loaded.rate,
                p50: middle(&mut loaded.waits),
                p99: loaded.waits[loaded.waits.len() * 99 / 100],
                bare: before.midpoint(bare()),
            };
            row.print(contestant);
            if row.rate <= rate / 2.0 || half.is_none() {
                half = Some(row);
            }
        }
        let half = half.expect("a row");
        println!(
            "{contestant} at half of its {rate:.0}/s, {} writers: {:.2} x fdatasync (bar of the ledger 2.50)",
            half.writers,
            half.p50 / half.bare
        );
    }
}

impl Row {
    fn print(&self, contestant: Contestant) {
        println!(
            "{contestant:>10}  {:>8} {:>10.0} {:>8.0} {:>8.0} {:>14.0} {:>7.2}",
            self.writers,
            self.rate,
            self.p50 * 1e6,
            self.p99 * 1e6,
            self.bare * 1e6,
            self.p50 / self.bare
        );
    }
}

/// A bare `fdatasync` of 4 KiB in a file written full of zeros before: the middle of many, in seconds.
fn bare_sync(path: &Path, times: u64) -> f64 {
    let file = File::create(path).expect("a file");
    file.write_all_at(&vec![0; 4_096 * usize::try_from(times).expect("few")], 0)
        .expect("written");
    file.sync_all().expect("synced");
    let clock = Clock::system();
    let mut seconds: Vec<f64> = (0..times)
        .map(|number| {
            let begun = clock.instant();
            file.write_all_at(&[1; 4_096], number * 4_096)
                .expect("written");
            file.sync_data().expect("synced");
            clock.instant().duration_since(begun).as_secs_f64()
        })
        .collect();
    fs::remove_file(path).expect("the file was ours");
    middle(&mut seconds)
}
