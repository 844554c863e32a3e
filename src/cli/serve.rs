//! `covenant init` and `covenant serve`.

use std::path::Path;

use super::output::{complain, say, say_error};
use super::{failed, invalid};
use crate::administration::actors;
use crate::clock::Clock;
use crate::config::Config;
use crate::mistakes::Mistakes;
use crate::serve::{Running, StartError, hangups, signalled};
use crate::starter::{self, DEFAULT_PORTS};
use crate::telemetry;

/// Writes a starting configuration and says what comes next.
pub(super) fn init(directory: &Path) -> u8 {
    let user = actors::user_name(rustix::process::getuid().as_raw());
    match starter::write(directory, &DEFAULT_PORTS, &user) {
        Ok(written) => {
            if written.is_empty() {
                let directory = directory.display();
                say(&format!(
                    "nothing to write: every file stands in {directory} already\n"
                ));
            }
            for path in &written {
                say(&format!("wrote {}\n", path.display()));
            }
            say(&next_steps(directory));
            0
        }
        Err(error) => failed(&error),
    }
}

fn next_steps(directory: &Path) -> String {
    let directory = directory.display();
    format!(
        "\nnext:\n\
         \x20 covenant policy check --dir {directory}/policies\n\
         \x20 covenant policy test --dir {directory}/policies\n\
         \x20 covenant ca init --dir {directory}/certs        # for development; bring your own for production\n\
         \x20 covenant partner add ID --name NAME --address ADDRESS --accepted-by PERSON --config {directory}/covenant.toml\n\
         \x20 covenant serve --config {directory}/covenant.toml\n\
         then, with the core service running:\n\
         \x20 covenant customers import BOOK.jsonl --config {directory}/covenant.toml\n"
    )
}

/// Runs the gateway until it is told to stop.
pub(super) async fn serve(path: &Path, clock: Clock) -> u8 {
    take_small_pages();
    let mut mistakes = Mistakes::new();
    let Some(config) = Config::load(path, &mut mistakes) else {
        return invalid(&mistakes, path);
    };
    if let Err(error) = telemetry::start_log(&config.telemetry) {
        complain(error);
        return super::EXIT_INVALID;
    }
    let signalled = signalled();
    let hangups = match hangups() {
        Ok(hangups) => hangups,
        Err(error) => return failed(&error),
    };
    match Running::start(&config, clock).await {
        Ok(mut running) => {
            running.reload_at(hangups);
            tracing::info!(
                partners = %running.gateway_address(),
                operator = %running.operator_address(),
                "serving"
            );
            running.until(signalled).await;
            0
        }
        Err(error) => not_started(&error),
    }
}

/// The allocator asks for pages of 2 MiB, of which one byte in use keeps all: the gateway was three times as
/// large with them, and no faster. A system that does not know what is asked here has none either, or
/// gives them all the same; nothing else depends on it.
fn take_small_pages() {
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

/// Prints why the gateway did not start.
pub(super) fn not_started(error: &StartError) -> u8 {
    if let StartError::Policies { rendered, .. } = error {
        say_error(rendered);
        complain(error);
        return super::EXIT_INVALID;
    }
    let code = failed(error);
    if matches!(error, StartError::Damaged(_)) {
        return super::EXIT_DAMAGED;
    }
    code
}
