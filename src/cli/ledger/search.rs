//! `covenant ledger search`: entries, one line each; all of each as JSON.

use clap::Args;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::whom::WhomArguments;
use crate::administration::client::Client;
use crate::administration::messages::{Found, SearchAnswer, SearchQuery};
use crate::administration::paper;
use crate::cli::EXIT_USAGE;
use crate::cli::output::{Format, complain, say_rows, tell};
use crate::entry::{Delivered, Event, Recipient, RequestFacts};

/// What to search for; everything given must fit.
#[derive(Clone, Debug, Args)]
#[group(skip)]
#[command(group = clap::ArgGroup::new("whom").required(true).multiple(true))]
pub struct SearchArguments {
    #[command(flatten)]
    whom: WhomArguments,
    /// A partner's id.
    #[arg(long, group = "whom")]
    partner: Option<String>,
    /// The `Request-Id` of an answer.
    #[arg(long, group = "whom")]
    request: Option<String>,
    /// A purpose, with those below it.
    #[arg(long, group = "whom")]
    purpose: Option<String>,
    /// An operation of the catalogue.
    #[arg(long, group = "whom")]
    operation: Option<String>,
    /// A kind of entry (`disclosure`, `refusal`, `act` …), `allow` or `redact`, `deny` (all refusals), the code
    /// of a refusal, or what a person did (`ledger.search`).
    #[arg(long, group = "whom")]
    decision: Option<String>,
    /// Not before this day (UTC) or moment: 2026-11-22 or 2026-11-22T12:00:00Z.
    #[arg(long, value_parser = moment, group = "whom")]
    since: Option<Timestamp>,
    /// Before this day (UTC) or moment.
    #[arg(long, value_parser = moment, group = "whom")]
    until: Option<Timestamp>,
    /// Most entries to show, up to 1,000.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
    /// Only what stands after this entry: to go on where another search ended.
    #[arg(long)]
    after: Option<u64>,
    /// Read the whole ledger, and do not rely on its index.
    #[arg(long)]
    scan: bool,
    /// Why you ask; it stands in the ledger.
    #[arg(long)]
    because: Option<String>,
}

/// A moment, or the beginning of a day in UTC.
pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    let beginning = |day: Date| TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok();
    let moment = text.parse().ok();
    moment
        .or_else(|| text.parse().ok().and_then(beginning))
        .ok_or_else(|| "write 2026-11-22 or 2026-11-22T12:00:00Z".to_owned())
}

/// Whether nothing is in this time, and says so.
pub(super) fn is_no_time(since: Option<Timestamp>, until: Option<Timestamp>) -> bool {
    let is_none = since
        .zip(until)
        .is_some_and(|(since, until)| since >= until);
    if is_none {
        complain("nothing is both after --since and before --until");
    }
    is_none
}

pub(super) async fn run(client: &Client, arguments: SearchArguments, format: Format) -> u8 {
    if is_no_time(arguments.since, arguments.until) {
        return EXIT_USAGE;
    }
    let (customer, recipient) = arguments.whom.typed();
    let query = SearchQuery {
        customer,
        recipient,
        partner: arguments.partner,
        purpose: arguments.purpose,
        operation: arguments.operation,
        decision: arguments.decision,
        request: arguments.request,
        since: arguments.since,
        until: arguments.until,
        after: arguments.after,
        limit: Some(arguments.limit),
        scan: arguments.scan,
        because: arguments.because,
    };
    let answer = client.post("/ledger/search", &query).await;
    tell(answer, format, |answer: &SearchAnswer| {
        let rows: Vec<_> = answer.found.iter().map(row).collect();
        let headings = ["entry", "time", "kind", "who", "what", "outcome", "request"];
        say_rows(&headings, &rows);
        if rows.is_empty() {
            complain("no entry fits");
        }
        let destroyed = answer.destroyed.as_ref();
        if let Some(destroyed) = destroyed.filter(|destroyed| destroyed.entries > 0) {
            complain(format!(
                "those before entry {} were destroyed; entry {} is the latest about a purge",
                destroyed.entries, destroyed.entry
            ));
        }
        let unanswerable = answer.recipient.as_ref().and_then(paper::unanswerable);
        if let Some(unanswerable) = unanswerable {
            complain(unanswerable);
        }
        if let (true, Some(last)) = (answer.more, answer.found.last()) {
            complain(format!("there are more; go on with --after {}", last.index));
        }
    })
}

fn row(found: &Found) -> Vec<String> {
    let rest = match &found.entry.event {
        Event::Disclosure(disclosure) => {
            of_request("disclosure", &disclosure.request, &disclosure.decision)
        }
        Event::Delivered(delivered) => {
            of_request("delivered", &delivered.request, &extent(delivered))
        }
        Event::Intent(intent) => of_request("intent", &intent.request, "-"),
        Event::Refusal(refusal) => of_request("refusal", &refusal.request, &refusal.code),
        Event::Act(act) => {
            let who = format!("{} ({})", act.actor, act.role);
            let object = act.object.as_deref().unwrap_or("-");
            ["act", &who, &act.action, object, "-"].map(str::to_owned)
        }
        Event::Gateway(note) => {
            let detail = note.detail.as_deref().unwrap_or("-");
            ["gateway", "-", &note.what, detail, "-"].map(str::to_owned)
        }
        Event::Shadow(shadowed) => {
            let outcome = format!("{} instead of {}", shadowed.instead, shadowed.decided);
            of_request("shadow", &shadowed.request, &outcome)
        }
        Event::Purge(purge) => {
            let who: Vec<_> = purge.approvals.iter().map(|one| &*one.actor).collect();
            let places = format!("{} to {}", purge.minimum_before, purge.minimum);
            ["purge", &who.join(", "), "ledger.purge", &places, "-"].map(str::to_owned)
        }
    };
    let place = [found.index.to_string(), found.entry.time.to_string()];
    place.into_iter().chain(rest).collect()
}

/// How much of an answer left, and why not all of it.
fn extent(delivered: &Delivered) -> String {
    let bytes = delivered.bytes;
    if delivered.complete {
        return format!("all {bytes} bytes");
    }
    let expected = delivered.bytes_expected;
    let of = expected.map_or_else(String::new, |expected| format!(" of {expected}"));
    let because = delivered.because.as_deref().unwrap_or("unknown");
    format!("{bytes}{of} bytes, {because}")
}

fn of_request(kind: &str, request: &RequestFacts, outcome: &str) -> [String; 5] {
    let operation = request.operation.as_deref().unwrap_or("-");
    let who = match &request.recipient {
        Some(Recipient::Partner { id, .. }) => id.clone(),
        Some(Recipient::Customer) => "the customer".to_owned(),
        Some(Recipient::Authority { reference }) => format!("authority, order {reference}"),
        Some(Recipient::Staff { name }) => name.clone(),
        None => "-".to_owned(),
    };
    [kind, &who, operation, outcome, &request.request_id].map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_utc() {
        assert_eq!(moment("2026-11-22"), moment("2026-11-22T00:00:00Z"));
        assert!(moment("yesterday").is_err());
    }
}
