//! The `covenant` command: reads the command line, runs it, and turns the outcome into an exit code.

use std::process::ExitCode;

/// Of the CPU of a small request, the system's allocator takes a sixth and more.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ExitCode::from(covenant::cli::main())
}
