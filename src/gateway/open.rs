//! Beside the stages `inspect` to `send`: an answer that is not held whole. A document is on record before
//! its first byte leaves; an answer of data that is larger than can be judged whole leaves in batches of
//! records, each filtered, spent and recorded before it does. Both end with an entry that says what
//! left. What goes wrong after the first byte ends the answer visibly; before, it is refused as any.
//!
//! HEAD is answered without reading a body: it has the headers that are known beforehand, and no length.

mod course;
mod document;
mod records;
mod signature;

use std::sync::Arc;

use http::Response;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use self::course::{Course, Ended};
use super::authenticate::stands;
use super::decide::Permit;
use super::exchange::Exchange;
use super::filter;
use super::forward::OpenAnswer;
use super::outlet::outlet;
use super::places::Held;
use super::record::Series;
use super::send::{self, Head};
use super::shadow::Shadow;
use crate::allowance::Allowance;
use crate::catalogue::Body;
use crate::clock::Clock;
use crate::edge::body::ResponseBody;
use crate::filter::{CoreNames, PseudonymKey};
use crate::judgement::{self, uninspectable};
use crate::ledger::Ledger;
use crate::refusal::Stopped;
use crate::registry::Registry;

/// What an answer needs on its way after its request has been answered.
#[derive(Clone, Debug)]
pub struct House {
    /// The book, and who is suspended.
    pub registry: Arc<Registry>,
    /// Budgets.
    pub allowance: Arc<Allowance>,
    /// The record.
    pub ledger: Ledger,
    /// The clock.
    pub clock: Clock,
    /// The partner's pseudonyms.
    pub key: PseudonymKey,
    /// What links of the gateway begin with.
    pub base_uri: Arc<str>,
    /// The names of the cores.
    pub names: Arc<CoreNames>,
    /// Answers up to this many bytes are judged whole.
    pub whole_answer_bytes_max: usize,
}

impl House {
    /// The UTC day.
    fn today(&self) -> Date {
        self.clock.now().to_zoned(TimeZone::UTC).date()
    }

    /// Why the client left: where it was suspended, its connection was ended for that.
    fn left(&self, permit: &Permit) -> Ended {
        self.refuse_suspended(permit)
            .err()
            .map_or(Ended::ClientLeft, Ended::Stopped)
    }

    /// Whoever was suspended meanwhile gets nothing further.
    fn refuse_suspended(&self, permit: &Permit) -> Result<(), Stopped> {
        stands(&self.registry, permit.partner())
    }
}

/// A request whose answer is open, and what was decided about it.
#[derive(Debug)]
pub struct Opened<'a> {
    /// Why it may be answered.
    pub permit: &'a Permit,
    /// What the set in the shadow says.
    pub shadow: &'a Shadow,
    /// What the answer needs on its way.
    pub house: House,
    /// The places of the request.
    pub held: Held,
    /// Whether only headers were asked for.
    pub is_head: bool,
}

impl Opened<'_> {
    /// Answers.
    ///
    /// # Errors
    /// What is wrong with the answer, as far as that shows before its first byte leaves.
    pub async fn answer(
        self,
        exchange: &mut Exchange,
        answer: OpenAnswer,
    ) -> Result<Response<ResponseBody>, Stopped> {
        let operation = Arc::clone(self.permit.operation());
        let listed = judgement::listed(&operation, answer.status)?;
        if listed.is_redirect() {
            return Err(uninspectable("a redirect with a body that cannot be judged whole").into());
        }
        let headers = filter::all_withheld(self.permit, listed, &answer.headers);
        match &listed.body {
            Body::Document {
                media_type,
                category,
            } => {
                let of = (media_type, *category);
                self.document(exchange, answer, of, headers).await
            }
            Body::Data {
                format,
                media_type,
                shape,
            } => {
                let of = (*format, media_type, shape);
                self.records(exchange, answer, of, headers).await
            }
            Body::Uninspectable { media_type } => {
                Err(uninspectable(format!("no filter for `{media_type}`")).into())
            }
            Body::Empty => Err(uninspectable("a body where the catalogue has none").into()),
        }
    }

    /// The response to HEAD, whose disclosure is on record.
    async fn headers_only(
        self,
        exchange: &mut Exchange,
        head: &Head,
        series: Series,
    ) -> Response<ResponseBody> {
        let (outlet, body) = outlet();
        let response = send::open(exchange, head, body);
        let course = Course {
            series,
            outlet,
            bytes_expected: None,
            house: self.house,
            held: self.held,
        };
        course.close(Err(course::Ended::HeadersOnly)).await;
        response
    }
}
