//! The command line: what each command is called and takes, and which room does it. Exit codes are
//! the same everywhere: 0 ok, 1 other, 2 usage, 3 invalid configuration or policy, 4 policy test or
//! proof failed, 5 the decision was deny, 6 integrity failure, 7 cannot reach.

pub mod ca;
pub mod customers;
mod demo;
pub mod ledger;
pub mod output;
pub mod partner;
pub mod policy;
mod serve;
pub mod token;

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};

use self::customers::CustomersCommand;
use self::ledger::LedgerCommand;
use self::output::{Format, complain, say_error};
use self::partner::PartnerCommand;
use self::policy::PolicyCommand;
use crate::administration::Role;
use crate::clock::Clock;
use crate::config::Config;
use crate::mistakes::{Look, Mistakes};

/// Something else went wrong.
pub const EXIT_OTHER: u8 = 1;
/// What was asked for makes no sense.
pub const EXIT_USAGE: u8 = 2;
/// The configuration or a policy is invalid.
pub const EXIT_INVALID: u8 = 3;
/// The ledger is damaged.
pub const EXIT_DAMAGED: u8 = 6;
/// What was asked cannot be reached.
pub const EXIT_UNREACHABLE: u8 = 7;

/// A partner policy enforcement gateway: it keeps a mailing company's privacy promises about what
/// its resellers may see.
#[derive(Debug, Parser)]
#[command(name = "covenant", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run everything in one process on loopback: authority, core service, partners, gateway.
    Demo(demo::DemoArguments),
    /// Write a starting configuration.
    Init {
        /// The folder to write it to.
        dir: PathBuf,
    },
    /// Run the gateway.
    Serve {
        /// The configuration.
        #[arg(long, default_value = "covenant.toml")]
        config: PathBuf,
    },
    /// Promises and contracts.
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Partners of a running gateway.
    Partner {
        /// What to do.
        #[command(subcommand)]
        command: PartnerCommand,
        /// How the gateway is reached.
        #[command(flatten)]
        reach: Reach,
    },
    /// The record of disclosures.
    Ledger {
        /// What to do.
        #[command(subcommand)]
        command: LedgerCommand,
        /// How the gateway is reached.
        #[command(flatten)]
        reach: Reach,
    },
    /// The book of customers of a running gateway.
    Customers {
        /// What to do.
        #[command(subcommand)]
        command: CustomersCommand,
        /// How the gateway is reached.
        #[command(flatten)]
        reach: Reach,
    },
    /// A certificate authority for development.
    #[command(subcommand)]
    Ca(ca::CaCommand),
    /// Access tokens for development, and API keys.
    #[command(subcommand)]
    Token(token::TokenCommand),
}

/// How commands reach a running gateway, and how they answer.
#[derive(Clone, Debug, Args)]
pub struct Reach {
    /// The gateway's configuration, for the socket it names.
    #[arg(long, global = true, default_value = "covenant.toml")]
    config: PathBuf,
    /// The role to act in; the first of yours that may do it, where none is named.
    #[arg(long, global = true, value_parser = role)]
    role: Option<Role>,
    /// How the answer is written.
    #[arg(short, long, global = true, value_enum, default_value_t)]
    output: Format,
}

impl Reach {
    /// The gateway's socket, or the exit code when the configuration does not tell.
    fn socket(&self) -> Result<PathBuf, u8> {
        Ok(self.gateway()?.administration.socket)
    }

    /// The gateway's configuration, or the exit code when it has mistakes.
    fn gateway(&self) -> Result<Config, u8> {
        let mut mistakes = Mistakes::new();
        let config = Config::load(&self.config, &mut mistakes);
        config.ok_or_else(|| invalid(&mistakes, &self.config))
    }
}

/// Runs a command about the ledger, by itself or by the gateway. An export is told to a gateway that runs
/// on that ledger; where no configuration says which that is, nobody can be told.
async fn ledger_of(command: LedgerCommand, reach: &Reach) -> u8 {
    if let LedgerCommand::Export(arguments) = &command
        && reach.config.exists()
    {
        let told = match reach.gateway() {
            Ok(config) => ledger::announce(arguments, &config, reach.role).await,
            Err(code) => Err(code),
        };
        if let Err(code) = told {
            return code;
        }
    }
    match command.run_alone(reach.output).await {
        Some(code) => code,
        None => match reach.socket() {
            Ok(socket) => ledger::run(command, &socket, reach.role, reach.output).await,
            Err(code) => code,
        },
    }
}

fn role(word: &str) -> Result<Role, String> {
    let words = Role::ALL.map(Role::word).join(", ");
    Role::parse(word).ok_or_else(|| format!("roles are {words}"))
}

/// Runs the command line of this process; returns its exit code.
pub fn main() -> u8 {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _closed = error.print();
            return u8::try_from(error.exit_code()).unwrap_or(EXIT_OTHER);
        }
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    runtime.block_on(run(arguments.command))
}

async fn run(command: Command) -> u8 {
    let clock = Clock::system();
    match command {
        Command::Demo(arguments) => demo::run(&arguments, clock).await,
        Command::Init { dir } => serve::init(&dir),
        Command::Serve { config } => serve::serve(&config, clock).await,
        Command::Policy(command) => policy::run(command, &clock).await,
        Command::Partner { command, reach } => partner::run(command, &reach, &clock).await,
        Command::Ledger { command, reach } => ledger_of(command, &reach).await,
        Command::Customers { command, reach } => match reach.socket() {
            Ok(socket) => customers::run(command, &socket, reach.role, reach.output).await,
            Err(code) => code,
        },
        Command::Ca(command) => ca::run(command, &clock).unwrap_or_else(|error| failed(&error)),
        Command::Token(command) => {
            token::run(command, &clock).unwrap_or_else(|error| failed(&error))
        }
    }
}

/// Prints what went wrong.
fn failed(error: &dyn std::error::Error) -> u8 {
    complain(error);
    EXIT_OTHER
}

/// Prints every mistake of the policies or the configuration at `place`.
fn invalid(mistakes: &Mistakes, place: &Path) -> u8 {
    let code = mistaken(mistakes, place);
    tell_where_else(place);
    code
}

/// Prints every mistake of what stands at `place`.
fn mistaken(mistakes: &Mistakes, place: &Path) -> u8 {
    use std::io::IsTerminal as _;
    let look = Look::of(std::io::stderr().is_terminal());
    say_error(&mistakes.render(look));
    complain(format!("{} in `{}`", mistakes.counted(), place.display()));
    EXIT_INVALID
}

/// What to do where there is nothing at `place`, which should have policies or be a configuration.
fn tell_where_else(place: &Path) {
    if !place.exists() {
        complain("name another place with --config or --dir, or make one with `covenant init DIR`");
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn refused(line: &str) -> String {
        let parsed = Arguments::try_parse_from(line.split(' '));
        parsed.unwrap_err().to_string()
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_search_for_nobody_names_all_that_could_be_searched_for() {
        let told = refused("covenant ledger search");
        for option in ["--customer", "--partner", "--request"] {
            assert!(told.contains(option), "{told}");
        }
        let both = "covenant ledger search --customer cus_1 --partner acme";
        assert!(Arguments::try_parse_from(both.split(' ')).is_ok());
    }

    #[test]
    fn an_option_that_would_change_nothing_is_refused() {
        assert!(refused("covenant demo --tour --dir elsewhere").contains("--dir"));
        assert!(refused("covenant demo --core-only --port 9000").contains("--port"));
    }
}
