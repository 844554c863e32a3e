//! The `covenant` command as a stranger uses it: the built binary, its own processes, real sockets and
//! files. What is started here ends with its test; ports are below the range the system gives out, so
//! nobody else takes one between choosing and using it.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

#[path = "process/commands.rs"]
mod commands;
#[path = "process/crash.rs"]
mod crash;
#[path = "process/demo.rs"]
mod demo;
#[path = "process/evidence.rs"]
mod evidence;
#[path = "process/faults.rs"]
mod faults;
#[path = "process/first_day.rs"]
mod first_day;
#[path = "process/importing.rs"]
mod importing;
#[path = "process/installation.rs"]
mod installation;
#[path = "process/onboarding.rs"]
mod onboarding;
#[path = "process/people.rs"]
mod people;
#[path = "process/policies.rs"]
mod policies;
#[path = "process/program.rs"]
mod program;
#[path = "process/prove.rs"]
mod prove;
#[path = "process/published.rs"]
mod published;
#[path = "process/publishing.rs"]
mod publishing;
#[path = "process/purging.rs"]
mod purging;
#[path = "process/records.rs"]
mod records;
#[path = "process/shadow.rs"]
mod shadow;
#[path = "process/stopping.rs"]
mod stopping;
#[path = "process/witness.rs"]
mod witness;
#[path = "process/witnesses.rs"]
mod witnesses;
