//! Which witnesses must vouch for a ledger, common to the commands that verify, and what they say.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::place::read;
use crate::config::Config;
use crate::ledger::vouching::Vouch;
use crate::ledger::{WitnessKey, cosignature};
use crate::mistakes::{Look, Mistakes};

/// Witnesses whose cosignatures are looked for.
#[derive(Clone, Debug, Default, Args)]
pub struct WitnessArguments {
    /// Verifier key of a witness, or a file with some, one a line; may be given several times.
    #[arg(long = "witness", value_name = "KEY")]
    witnesses: Vec<String>,
    /// The configuration whose witnesses, and quorum, are meant.
    #[arg(long, value_name = "FILE")]
    witnesses_of: Option<PathBuf>,
    /// How many of them must vouch. Without it, that of the configuration, or one.
    #[arg(long, value_name = "NUMBER")]
    quorum: Option<usize>,
}

/// Witnesses that were named.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) keys: Vec<WitnessKey>,
    quorum: usize,
}

impl WitnessArguments {
    /// The witnesses that were named, or what is wrong with how.
    pub(super) fn named(&self) -> Result<Named, String> {
        let mut keys = Vec::new();
        for text in &self.witnesses {
            match WitnessKey::parse(text) {
                Ok(key) => keys.push(key),
                Err(_) if Path::new(text).exists() => keys.extend(in_file(text)?),
                Err(error) => return Err(format!("`{text}`: {error}; and no file of that name")),
            }
        }
        let mut quorum = 1;
        if let Some(path) = &self.witnesses_of {
            let mut mistakes = Mistakes::new();
            let config = Config::load(path, &mut mistakes);
            let config = config.ok_or_else(|| mistakes.render(Look::Plain))?;
            let nobody = || format!("`{}` has no `[ledger.witnessing]`", path.display());
            let witnessing = config.ledger.witnessing.ok_or_else(nobody)?;
            for witness in &witnessing.witnesses {
                let key = WitnessKey::parse(&witness.key);
                keys.push(key.map_err(|error| format!("`{}`: {error}", witness.key))?);
            }
            quorum = usize::try_from(witnessing.quorum).unwrap_or(quorum);
        }
        let quorum = self.quorum.unwrap_or(quorum);
        keys.sort_by_key(ToString::to_string);
        keys.dedup();
        if quorum == 0 || (self.quorum.is_some() && quorum > keys.len()) {
            let count = keys.len();
            return Err(format!(
                "--quorum {quorum} makes no sense of {count} witnesses"
            ));
        }
        Ok(Named { keys, quorum })
    }
}

fn in_file(path: &str) -> Result<Vec<WitnessKey>, String> {
    let text = read(Path::new(path))?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let keys = lines.map(WitnessKey::parse).collect::<Result<_, _>>();
    keys.map_err(|error| format!("`{path}`: {error}"))
}

impl Named {
    /// What is missing, where `vouching` of them are too few; nothing is, where nobody was named.
    pub(super) fn missing(&self, vouching: usize) -> Option<String> {
        (!self.keys.is_empty() && vouching < self.quorum).then(|| {
            format!(
                "only {vouching} of the {} witnesses that were named vouch for it; {} must",
                self.keys.len(),
                self.quorum
            )
        })
    }

    /// Which of them have cosigned one checkpoint, or which of their signatures is wrong.
    pub(super) fn cosigners(&self, note: &str) -> Result<Vec<String>, String> {
        let mut names = Vec::new();
        for key in &self.keys {
            let cosigned = cosignature::cosigned(note, key).map_err(|error| error.to_string())?;
            names.extend(cosigned.map(|_| key.name().to_owned()));
        }
        Ok(names)
    }
}

/// In words, a line for each.
pub(super) fn lines(vouches: &[Vouch]) -> String {
    let line = |vouch: &Vouch| match &vouch.newest {
        Some((size, time)) => format!(
            "witness {}: vouches for the first {size} entries, at {time}\n",
            vouch.witness
        ),
        None => format!("witness {}: does not vouch for it\n", vouch.witness),
    };
    vouches.iter().map(line).collect()
}

/// For programs.
pub(super) fn values(vouches: &[Vouch]) -> Vec<Value> {
    let value = |vouch: &Vouch| {
        let time = vouch.newest.map(|(_, time)| time.to_string());
        json!({
            "witness": vouch.witness,
            "key": vouch.id,
            "entries": vouch.newest.map(|(size, _)| size),
            "time": time,
        })
    };
    vouches.iter().map(value).collect()
}
