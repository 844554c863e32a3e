//! Answers of data that are too large to be judged whole: batch after batch of records, each filtered,
//! spent and durably recorded, then sent, by a task that outlives its request. The response begins with
//! its first batch, so that whatever is wrong with that one is still refused; where nothing leaves, once much
//! was read, or at the end.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response};
use tokio::sync::oneshot;

use super::course::{Course, Ended};
use super::{House, Opened};
use crate::allowance::BudgetState;
use crate::catalogue::{Format, Shape};
use crate::edge::body::ResponseBody;
use crate::entry::Withheld;
use crate::filter::stream::{Stream, streams};
use crate::filter::{Limits, Scanned, Uninspectable};
use crate::gateway::budget::{refused, tell};
use crate::gateway::decide::Permit;
use crate::gateway::exchange::Exchange;
use crate::gateway::filter::{Filtered, released, written_as};
use crate::gateway::forward::OpenAnswer;
use crate::gateway::forward::body::CoreBody;
use crate::gateway::inspect::{Owners, expect_type};
use crate::gateway::names::{PartnersBook, links};
use crate::gateway::outlet::outlet;
use crate::gateway::places::Held;
use crate::gateway::record::{Series, decision};
use crate::gateway::send::{self, Head};
use crate::gateway::spend::spend_part;
use crate::judgement::{
    Document, may_withhold, plans_of_any_owner, refuse_many_records, uninspectable,
    withheld_beforehand,
};
use crate::refusal::{Code, Executed, Fault, Refusal, Stopped};
use crate::terms::Channel;

/// What leaves is recorded together, in one entry, and sent once it has so many bytes.
const PART_BYTES: usize = 64 << 10;
/// Or is of so many records.
const PART_RECORDS_MAX: usize = 256;
/// Records that are there are sent on when the core pauses for so long.
const PAUSE_BEFORE_SENDING: Duration = Duration::from_millis(250);
/// After so many bytes of which nothing leaves the response begins without any, since only a response that has
/// begun shows that whoever asked for it has left.
const BYTES_BEFORE_BEGINNING_MAX: usize = 4 << 20;

impl Opened<'_> {
    /// Answers with records.
    pub(super) async fn records(
        self,
        exchange: &mut Exchange,
        answer: OpenAnswer,
        (format, media_type, shape): (Format, &Arc<str>, &Arc<Shape>),
        withheld: Vec<Withheld>,
    ) -> Result<Response<ResponseBody>, Stopped> {
        self.expect_streamable(shape)?;
        expect_type(&answer.headers, media_type)?;
        let mut nothing = Filtered::nothing(answer.status);
        nothing.withheld.clone_from(&withheld);
        let head = self.head(exchange, answer.status, (media_type, shape), withheld);
        self.shadow.see_open(exchange, head.decision);
        let mut series = Series::new(exchange.facts.clone());
        if self.is_head {
            let today = exchange.today();
            let spent = spend_part(self.permit, nothing, &self.house.allowance, today);
            let (spent, _) = spent.map_err(|out| refused(&out, self.permit, Executed::No))?;
            let ledger = &self.house.ledger;
            let time = exchange.arrived_at;
            series.record(time, self.permit, spent, (), ledger).await?;
            return Ok(self.headers_only(exchange, &head, series).await);
        }
        let contract = self.permit.partner().contract();
        let has_pages = self.permit.operation().has_pages();
        let (begun, beginning) = oneshot::channel();
        let task = Task {
            permit: self.permit.clone(),
            shape: Arc::clone(shape),
            records_max: contract.records_max_on(exchange.today(), has_pages),
            records: 0,
            batch: nothing,
            batch_size: Size::default(),
            body: answer.body,
            bytes: 0,
            has_paused: false,
            way: Way::Closed(Box::new(Waiting {
                begun,
                series,
                house: self.house.clone(),
                held: self.held,
            })),
            house: self.house,
        };
        tokio::spawn(task.run(format));
        match beginning.await {
            Ok(Ok(begun)) => {
                tell(exchange, &begun.budget);
                Ok(send::open(exchange, &head, begun.body))
            }
            Ok(Err(refused)) => {
                if let Some(budget) = &refused.budget {
                    tell(exchange, budget);
                }
                Err(refused.stopped)
            }
            Err(_) => {
                Err(Fault::new(Code::ResponseUninspectable, "a defect ended the answer").into())
            }
        }
    }

    /// Whether an answer of this shape, too large to be judged whole, may leave in parts.
    fn expect_streamable(&self, shape: &Shape) -> Result<(), Fault> {
        let bytes = self.house.whole_answer_bytes_max;
        let too_large = |and: &str| {
            Err(uninspectable(format!(
                "it is larger than {bytes} bytes, and {and}"
            )))
        };
        let operation = self.permit.operation();
        let contract = self.permit.partner().contract();
        if contract.large_answer_records_max.is_none() {
            return too_large("the contract has no large answers");
        }
        if !operation.method.is_safe() {
            return too_large("the call changes something");
        }
        if operation.channel == Channel::Aggregate {
            return too_large("figures are judged whole");
        }
        if !streams(shape) {
            return too_large("not a list of records");
        }
        Ok(())
    }

    /// The head; `withheld` are the headers that are.
    fn head(
        &self,
        exchange: &Exchange,
        status: u16,
        (media_type, shape): (&Arc<str>, &Shape),
        mut withheld: Vec<Withheld>,
    ) -> Head {
        withheld.extend(self.withheld(exchange, shape));
        let decision = match may_withhold(shape, self.permit.grant()) {
            true => "redact",
            false => decision(&withheld),
        };
        Head {
            status,
            media_type: Some(written_as(media_type)),
            decision,
            withheld,
            headers: HeaderMap::new(),
        }
    }

    /// What will be withheld, or may be, by the grant.
    fn withheld(&self, exchange: &Exchange, shape: &Shape) -> Vec<Withheld> {
        let owners = Owners {
            permit: self.permit,
            registry: &self.house.registry,
            now: exchange.arrived_at,
        };
        let around = owners.of_request();
        let withheld = withheld_beforehand(shape, self.permit.grant(), &around);
        let told = withheld.into_iter().filter_map(|(field, promise)| {
            let shaped = shape.fields.get(usize::from(field.field.0))?;
            Some(Withheld {
                field: shaped.path.to_string(),
                method: field.method.word().to_owned(),
                promise: promise.to_string(),
            })
        });
        told.collect()
    }
}

/// The response may begin.
struct Begun {
    body: ResponseBody,
    budget: BudgetState,
}

/// The answer is refused.
struct NotBegun {
    stopped: Stopped,
    budget: Option<BudgetState>,
}

/// What a response needs to begin.
struct Waiting {
    begun: oneshot::Sender<Result<Begun, NotBegun>>,
    series: Series,
    house: House,
    held: Held,
}

/// Whether the response has begun.
enum Way {
    Closed(Box<Waiting>),
    Open(Box<Course>),
    Ended,
}

/// What came of waiting for the core.
enum Arrived {
    Piece(Bytes),
    Pause,
    End,
}

/// How much is in a batch.
#[derive(Default)]
struct Size {
    bytes: usize,
    records: usize,
}

/// The streaming of one answer.
struct Task {
    permit: Permit,
    shape: Arc<Shape>,
    records_max: u32,
    records: usize,
    /// What the batch that is being gathered is about.
    batch: Filtered,
    batch_size: Size,
    body: CoreBody,
    /// Read of it so far.
    bytes: usize,
    has_paused: bool,
    way: Way,
    house: House,
}

impl Task {
    async fn run(mut self, format: Format) {
        let outcome = self.stream(format).await;
        if outcome.is_ok()
            && let Some(used) = self.body.take_used()
        {
            used.give_back();
        }
        match (self.way, outcome) {
            (Way::Open(course), outcome) => {
                let outcome = outcome.map_err(|ended| match ended {
                    Ended::ClientLeft => self.house.left(&self.permit),
                    ended => ended,
                });
                course.close(outcome).await;
            }
            (Way::Closed(closed), Err(ended)) => {
                let stopped = match ended {
                    Ended::Stopped(stopped) => stopped,
                    Ended::ClientLeft | Ended::HeadersOnly => {
                        Fault::new(Code::ResponseUninspectable, "it ended unopened").into()
                    }
                };
                // Whoever would hear it has gone.
                let _ = closed.begun.send(Err(NotBegun {
                    stopped,
                    budget: None,
                }));
            }
            (Way::Closed(_) | Way::Ended, _) => {}
        }
    }

    async fn stream(&mut self, format: Format) -> Result<(), Ended> {
        let shape = Arc::clone(&self.shape);
        let plans = plans_of_any_owner(&shape, self.permit.grant());
        let reading = Stream::new(format, &shape, plans, Limits::default());
        let mut reading = reading.ok_or_else(|| uninspectable("not a list of records"))?;
        let doubt = |found: Uninspectable| uninspectable(found.told(&shape));
        loop {
            match self.arrive().await? {
                Arrived::Piece(piece) => {
                    let mut input = &*piece;
                    while let Some(part) = reading.next(&mut input).map_err(doubt)? {
                        let left = self.judge(part)?;
                        self.gather(&mut reading, &left);
                        if self.is_full() {
                            self.send(&mut reading).await?;
                        }
                        // Small requests beside a large answer must not wait for it.
                        tokio::task::yield_now().await;
                    }
                    self.bytes = self.bytes.saturating_add(piece.len());
                    if self.bytes > BYTES_BEFORE_BEGINNING_MAX {
                        self.begin(&mut reading).await?;
                    }
                }
                Arrived::Pause => {
                    if let Some(part) = reading.whole_records().map_err(doubt)? {
                        let left = self.judge(part)?;
                        self.gather(&mut reading, &left);
                    }
                    self.send(&mut reading).await?;
                }
                Arrived::End => {
                    if let Some(part) = reading.end().map_err(doubt)? {
                        let left = self.judge(part)?;
                        self.gather(&mut reading, &left);
                    }
                    self.send(&mut reading).await?;
                    return self.begin(&mut reading).await;
                }
            }
            // A piece may have been too small for a batch.
            tokio::task::yield_now().await;
        }
    }

    async fn arrive(&mut self) -> Result<Arrived, Ended> {
        let pause = tokio::time::sleep(PAUSE_BEFORE_SENDING);
        let gone = async {
            match &self.way {
                Way::Open(course) => course.outlet.gone().await,
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = gone => Err(Ended::ClientLeft),
            piece = self.body.next() => {
                self.has_paused = false;
                Ok(piece?.map_or(Arrived::End, Arrived::Piece))
            }
            () = pause, if !self.has_paused => {
                self.has_paused = true;
                Ok(Arrived::Pause)
            }
        }
    }

    /// Judges a part of the answer as a whole answer is judged; what is left of it.
    fn judge(&mut self, part: Scanned<'_>) -> Result<Bytes, Stopped> {
        let records = part.records().len();
        self.records += records;
        self.batch_size.records += records;
        refuse_many_records(self.records_max, self.records)?;
        let owners = Owners {
            permit: &self.permit,
            registry: &self.house.registry,
            now: self.house.clock.now(),
        };
        let whose = owners.of_parts(&self.shape, &part)?;
        let document = Document {
            shape: &self.shape,
            figures: None,
            scanned: part,
            owners: whose.records,
            envelope: whose.around,
        };
        let book = PartnersBook::of(&self.permit, &self.house.registry);
        let (base_uri, names) = (&self.house.base_uri, &self.house.names);
        let links = links(&self.permit, base_uri, names, &book);
        let release = document.release(self.permit.grant(), &self.house.key, &links);
        let release = release.ok_or_else(Refusal::not_found)?;
        let nothing = Filtered::nothing(self.batch.status);
        let house = (&*self.house.registry, &*self.house.names);
        let mut filtered = released(&self.permit, nothing, &document, release, house)?;
        let left = std::mem::take(&mut filtered.body);
        self.batch.add(filtered);
        Ok(left)
    }

    fn gather(&mut self, reading: &mut Stream<'_>, left: &Bytes) {
        reading.write(left);
        self.batch_size.bytes += left.len();
    }

    fn is_full(&self) -> bool {
        self.batch_size.bytes >= PART_BYTES || self.batch_size.records >= PART_RECORDS_MAX
    }

    /// Spends and records the batch, then sends it, if anything of it leaves.
    async fn send(&mut self, reading: &mut Stream<'_>) -> Result<(), Ended> {
        let body = Bytes::from(reading.take());
        self.batch_size = Size::default();
        match body.is_empty() {
            // What was withheld is on record with what leaves next.
            true => Ok(()),
            false => self.let_out(body).await,
        }
    }

    /// Lets the response begin with what is there, and be it nothing.
    async fn begin(&mut self, reading: &mut Stream<'_>) -> Result<(), Ended> {
        match self.way {
            Way::Closed(_) => self.let_out(Bytes::from(reading.take())).await,
            Way::Open(_) | Way::Ended => Ok(()),
        }
    }

    async fn let_out(&mut self, body: Bytes) -> Result<(), Ended> {
        let nothing = Filtered::nothing(self.batch.status);
        let mut batch = std::mem::replace(&mut self.batch, nothing);
        self.house.refuse_suspended(&self.permit)?;
        batch.body = body.clone();
        let today = self.house.today();
        let spent = spend_part(&self.permit, batch, &self.house.allowance, today);
        let (spent, budget) = match spent {
            Ok(spent) => spent,
            Err(exhausted) => {
                let stopped = refused(&exhausted, &self.permit, Executed::Yes).into();
                return Err(self.out_of_budget(stopped, exhausted.state));
            }
        };
        let time = self.house.clock.now();
        let (series, ledger) = match &mut self.way {
            Way::Closed(closed) => (&mut closed.series, &self.house.ledger),
            Way::Open(course) => (&mut course.series, &self.house.ledger),
            Way::Ended => return Err(Ended::ClientLeft),
        };
        let recorded = series
            .record(time, &self.permit, spent, body, ledger)
            .await?;
        let course = self.open(budget)?;
        Ok(course.outlet.send(recorded).await?)
    }

    /// Lets the response begin, if it has not.
    fn open(&mut self, budget: BudgetState) -> Result<&mut Course, Ended> {
        self.way = match std::mem::replace(&mut self.way, Way::Ended) {
            Way::Closed(closed) => {
                let Waiting {
                    begun,
                    series,
                    house,
                    held,
                } = *closed;
                let (outlet, body) = outlet();
                // Where nobody waits any more, the outlet finds that its client has left.
                let _ = begun.send(Ok(Begun { body, budget }));
                Way::Open(Box::new(Course {
                    series,
                    outlet,
                    bytes_expected: None,
                    house,
                    held,
                }))
            }
            other => other,
        };
        match &mut self.way {
            Way::Open(course) => Ok(course),
            Way::Closed(_) | Way::Ended => Err(Ended::ClientLeft),
        }
    }

    /// Before the response has begun, the partner is told which budget is used up.
    fn out_of_budget(&mut self, stopped: Stopped, budget: BudgetState) -> Ended {
        match std::mem::replace(&mut self.way, Way::Ended) {
            Way::Closed(closed) => {
                let budget = Some(budget);
                let _ = closed.begun.send(Err(NotBegun { stopped, budget }));
                Ended::ClientLeft
            }
            other => {
                self.way = other;
                Ended::Stopped(stopped)
            }
        }
    }
}
