//! Searching the ledger. What is found by its index, or by reading, is read from the log and proven under a
//! signed checkpoint before it is told.

use std::path::Path;

use super::customers::nobody;
use super::destroyed::destroyed;
use super::messages::{ExportTold, Found, SearchAnswer, SearchQuery};
use super::whom::Whom;
use super::{Actor, Administration, Deed, NotDone, reason, words};
use crate::index::{Index, Query};
use crate::ledger::proof::Prover;
use crate::ledger::{KEYS_FILE, Keys};
use crate::taxonomy::Purpose;
use crate::terms::{PartnerId, RequestId};

/// Entries told in one answer; the next search tells the rest.
const FOUND_MAX: u32 = 1_000;
/// Most bytes of entries told in one answer.
const FOUND_BYTES_MAX: usize = 16 * 1_024 * 1_024;
/// Longest name of an operation or a decision that is looked for, in bytes.
const WORD_BYTES_MAX: usize = 128;

impl Administration {
    /// Entries that fit everything in the query, oldest first. The search is an entry itself, which
    /// names customers by reference; what comes after that entry is not searched.
    ///
    /// # Errors
    /// [`NotDone`]; [`NotDone::Damaged`] where an entry is not what was recorded.
    pub async fn search(&self, actor: &Actor, query: SearchQuery) -> Result<SearchAnswer, NotDone> {
        Self::allow(actor, Deed::LedgerSearch)?;
        let because = query.because.as_deref().map(reason).transpose()?;
        let (customer, recipient) = (query.customer.as_deref(), query.recipient.as_ref());
        let whom = self.whom(customer, recipient).await?;
        let wanted = wanted(whom.as_ref(), &query)?;
        let object = object(whom.as_ref(), &wanted);
        let action = Deed::LedgerSearch.name().to_owned();
        let end = self.enter(actor, action, Some(object), because).await?;
        let recipient = whom.as_ref().and_then(Whom::recipient).cloned();
        if whom.is_some_and(|whom| whom.references().is_empty()) {
            return Err(nobody());
        }
        let begin = query.after.map_or(0, |after| after.saturating_add(1));
        let most = query.limit.unwrap_or(FOUND_MAX).clamp(1, FOUND_MAX) as usize;
        let index = self.reader(query.scan);
        let rules = self.publishing.rules().load_full();
        let (directory, checkpoint) = (self.ledger_directory.clone(), self.ledger.checkpoint());
        blocking(move || {
            let mut hits = Vec::new();
            let (mut more, mut bytes_told) = (false, 0);
            let entries_read = index.find(&wanted, begin..end.max(begin), |hit| {
                bytes_told += hit.1.len();
                more = hits.len() == most || bytes_told > FOUND_BYTES_MAX;
                if !more {
                    hits.push(hit);
                }
                !more
            })?;
            if hits.is_empty() {
                if begin == 0 {
                    words::unknown(&wanted, &rules.catalogue, &index, end)?;
                }
                let (found, checkpoint) = (Vec::new(), None);
                return Ok(SearchAnswer {
                    found,
                    more,
                    entries_read,
                    checkpoint,
                    destroyed: destroyed(&directory)?,
                    recipient,
                });
            }
            let prover = prover(&directory, &checkpoint)?;
            let mut found = Vec::with_capacity(hits.len());
            for (index, bytes, entry) in hits {
                proven(&prover, index, &bytes)?;
                found.push(Found { index, entry });
            }
            Ok(SearchAnswer {
                found,
                more,
                entries_read,
                checkpoint: Some(prover.signed().to_owned()),
                destroyed: destroyed(&directory)?,
                recipient,
            })
        })
        .await
    }

    /// Puts on record that somebody is about to export the ledger: its files are read by the command, not
    /// by the gateway.
    ///
    /// # Errors
    /// [`NotDone`].
    pub async fn export_told(&self, actor: &Actor, told: &ExportTold) -> Result<u64, NotDone> {
        Self::allow(actor, Deed::LedgerExport)?;
        if !is_word(&told.format) {
            let mistake = format!("`{}` is not a form of export", told.format);
            return Err(NotDone::Misasked(mistake));
        }
        let mut object = format!("format:{} from:{}", told.format, told.from);
        for (word, time) in [("since", told.since), ("until", told.until)] {
            if let Some(time) = time {
                object += &format!(" {word}:{time}");
            }
        }
        let action = Deed::LedgerExport.name().to_owned();
        self.enter(actor, action, Some(object), None).await
    }

    /// Has the index made again from the log.
    ///
    /// # Errors
    /// [`NotDone`].
    pub async fn reindex(&self, actor: &Actor) -> Result<u64, NotDone> {
        Self::allow(actor, Deed::LedgerReindex)?;
        let action = Deed::LedgerReindex.name().to_owned();
        let entry = self.enter(actor, action, None, None).await?;
        self.index.make_again();
        Ok(entry)
    }

    /// By what entries are found: the index, or an empty one, so that the whole log is read.
    pub(super) fn reader(&self, scan: bool) -> std::sync::Arc<Index> {
        if scan {
            return std::sync::Arc::new(Index::new(&self.ledger_directory));
        }
        std::sync::Arc::clone(&self.index)
    }
}

/// What proves entries under this checkpoint of the open ledger.
pub(super) fn prover(directory: &Path, checkpoint: &str) -> Result<Prover, NotDone> {
    Ok(Prover::new(directory, keys(directory)?, checkpoint)?)
}

/// The keys of the open ledger.
pub(super) fn keys(directory: &Path) -> Result<Keys, NotDone> {
    let unreadable = |error: &dyn std::fmt::Display| NotDone::Unreadable(error.to_string());
    let keys = std::fs::read_to_string(directory.join(KEYS_FILE));
    let keys = Keys::parse(&keys.map_err(|error| unreadable(&error))?);
    keys.map_err(|error| unreadable(&error))
}

/// The proof of an entry, checked.
pub(super) fn proven(prover: &Prover, index: u64, bytes: &[u8]) -> Result<String, NotDone> {
    Ok(prover.prove(index, bytes)?)
}

/// Runs what reads files off the threads that serve.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, NotDone> + Send + 'static,
) -> Result<T, NotDone> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(NotDone::Unreadable(error.to_string())))
}

/// The query with every word of it understood: what an entry keeps of it holds nothing else.
pub(super) fn wanted(whom: Option<&Whom>, query: &SearchQuery) -> Result<Query, NotDone> {
    let mistaken = |text: &str, what| NotDone::Misasked(format!("`{text}` is not {what}"));
    let partner = query
        .partner
        .as_deref()
        .map(|text| PartnerId::parse(text).ok_or_else(|| mistaken(text, "a partner's id")));
    let purpose = query
        .purpose
        .as_deref()
        .map(|text| Purpose::parse(text).ok_or_else(|| mistaken(text, "a purpose")));
    let request = query.request.as_deref().map(|text| {
        let request = RequestId::parse(text);
        request.ok_or_else(|| mistaken(text, "a request's id (the `Request-Id` of an answer)"))
    });
    let word = |text: &Option<String>, what| match text {
        Some(text) if !is_word(text) => Err(mistaken(text, what)),
        text => Ok(text.clone()),
    };
    let wanted = Query {
        references: whom.map_or_else(Vec::new, |whom| whom.references().to_vec()),
        partner: partner.transpose()?,
        purpose: purpose.transpose()?.map(|purpose| purpose.key().to_owned()),
        operation: word(&query.operation, "an operation of the catalogue")?,
        decision: word(
            &query.decision,
            "a kind of entry, a decision, a code or an act",
        )?
        .map(|word| words::of_the_ledger(&word).to_owned()),
        requests: request
            .transpose()?
            .map(|request| request.to_string())
            .into_iter()
            .collect(),
        since: query.since,
        until: query.until,
    };
    if whom.is_none() && !wanted.says_something() {
        let mistake = "name a customer, a recipient, a partner, a request, a purpose, an operation, a decision \
                       or a time to search for";
        return Err(NotDone::Misasked(mistake.to_owned()));
    }
    Ok(wanted)
}

/// Operations, codes, kinds and acts are words of these letters.
fn is_word(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !text.is_empty() && text.len() <= WORD_BYTES_MAX && text.bytes().all(letter)
}

/// How an entry names what was looked for.
pub(super) fn object(whom: Option<&Whom>, wanted: &Query) -> String {
    let named = |kind: &str, word: Option<String>| word.map(|word| format!("{kind}:{word}"));
    let time = |time: Option<jiff::Timestamp>| time.map(|time| time.to_string());
    let words = [
        whom.map(|whom| whom.object().to_owned()),
        named("partner", wanted.partner.as_ref().map(ToString::to_string)),
        named("purpose", wanted.purpose.clone()),
        named("operation", wanted.operation.clone()),
        named("decision", wanted.decision.clone()),
        named("request", wanted.requests.first().cloned()),
        named("since", time(wanted.since)),
        named("until", time(wanted.until)),
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}
