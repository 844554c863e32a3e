//! `covenant demo`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::failed;
use super::output::say;
use crate::clock::Clock;
use crate::demo::core::{Core, World};
use crate::demo::{Demo, tour};
use crate::serve::signalled;
use crate::starter::{DEFAULT_PORTS, Ports};

/// What the demo takes.
#[derive(Debug, Args)]
pub(super) struct DemoArguments {
    /// Walk through the main job, print what happens, and exit.
    #[arg(long, conflicts_with_all = ["dir", "port"])]
    tour: bool,
    /// Where the demo keeps its files.
    #[arg(long, default_value = "covenant-demo")]
    dir: PathBuf,
    /// Port of the partner listener; the operator's is 1,000 above it, the core's 2,000.
    #[arg(long, default_value_t = DEFAULT_PORTS.gateway)]
    port: u16,
    /// Run the core service alone, and write its book of customers to `book.jsonl` in the folder.
    #[arg(long, conflicts_with_all = ["tour", "port"])]
    core_only: bool,
    /// Port of the core service that runs alone.
    #[arg(long, requires = "core_only", default_value_t = DEFAULT_PORTS.core)]
    core_port: u16,
}

pub(super) async fn run(arguments: &DemoArguments, clock: Clock) -> u8 {
    if arguments.tour {
        return tour::run(clock)
            .await
            .unwrap_or_else(|error| failed(&*error));
    }
    let done = if arguments.core_only {
        core_only(arguments).await
    } else {
        stay(arguments, clock).await
    };
    match done {
        Ok(()) => 0,
        Err(error) => failed(&*error),
    }
}

async fn core_only(arguments: &DemoArguments) -> Result<(), Box<dyn std::error::Error>> {
    let world = World::invent();
    std::fs::create_dir_all(&arguments.dir)?;
    let book = arguments.dir.join("book.jsonl");
    world.write_book(&book)?;
    let address = SocketAddr::from(([127, 0, 0, 1], arguments.core_port));
    let signalled = signalled();
    let core = Core::start(&world, address).await.map_err(|error| {
        format!("the core service at {address}: {error}; choose another port with --core-port")
    })?;
    say(&format!(
        "core service on http://{}; its book of customers is {}\n",
        core.address(),
        book.display()
    ));
    tokio::select! {
        () = core.run() => {}
        () = signalled => {}
    }
    Ok(())
}

async fn stay(arguments: &DemoArguments, clock: Clock) -> Result<(), Box<dyn std::error::Error>> {
    let ports = Ports {
        gateway: arguments.port,
        operator: arguments.port.saturating_add(1_000),
        core: arguments.port.saturating_add(2_000),
    };
    let signalled = signalled();
    let demo = Demo::start(&arguments.dir, &ports, clock).await?;
    say(&format!("{}\n", demo.welcome()));
    signalled.await;
    demo.stop().await;
    Ok(())
}
