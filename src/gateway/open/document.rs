//! Documents: passed on unopened, in constant memory. That `decide` let their category leave is the
//! reason why nothing of them is filtered.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Response};

use super::Opened;
use super::course::{Course, Ended};
use super::signature::{self, SIGNATURE_BYTES};
use crate::edge::body::ResponseBody;
use crate::entry::Withheld;
use crate::gateway::exchange::Exchange;
use crate::gateway::filter::{self, Filtered};
use crate::gateway::forward::OpenAnswer;
use crate::gateway::inspect::expect_type;
use crate::gateway::outlet::{NotPassed, outlet};
use crate::gateway::record::{Series, decision};
use crate::gateway::send::{self, Head};
use crate::gateway::spend::spend;
use crate::judgement::uninspectable;
use crate::refusal::Stopped;
use crate::taxonomy::Category;

impl Opened<'_> {
    /// Answers with a document.
    pub(super) async fn document(
        self,
        exchange: &mut Exchange,
        mut answer: OpenAnswer,
        (media_type, category): (&Arc<str>, Category),
        withheld: Vec<Withheld>,
    ) -> Result<Response<ResponseBody>, Stopped> {
        expect_type(&answer.headers, media_type)?;
        let head = Head {
            status: answer.status,
            media_type: Some(Arc::clone(media_type)),
            decision: decision(&withheld),
            withheld,
            headers: HeaderMap::new(),
        };
        if !self.is_head {
            let beginning = answer.body.beginning(SIGNATURE_BYTES).await?;
            if !signature::fits(media_type, &beginning) {
                let why = format!("it does not begin as `{media_type}` does");
                return Err(uninspectable(why).into());
            }
        }
        self.shadow.see_open(exchange, head.decision);
        let mut nothing = Filtered::nothing(answer.status);
        nothing.withheld.clone_from(&head.withheld);
        let filtered = filter::whole(self.permit, nothing, media_type, category, &Bytes::new());
        let spent = spend(exchange, self.permit, filtered, &self.house.allowance)?;
        let mut series = Series::new(exchange.facts.clone());
        let bytes_expected = answer.body.bytes_expected();
        let time = exchange.arrived_at;
        let ledger = &self.house.ledger;
        let recorded = series.record(time, self.permit, spent, answer.body, ledger);
        let recorded = recorded.await?;
        if self.is_head {
            return Ok(self.headers_only(exchange, &head, series).await);
        }
        let (outlet, body) = outlet();
        let mut course = Course {
            series,
            outlet,
            bytes_expected,
            house: self.house,
            held: self.held,
        };
        let permit = self.permit.clone();
        tokio::spawn(async move {
            let house = course.house.clone();
            let go_on = || house.refuse_suspended(&permit);
            let passed = course.outlet.pass(recorded, go_on).await;
            let outcome = passed.map_err(|why| match why {
                NotPassed::ClientLeft => house.left(&permit),
                NotPassed::Stopped(stopped) => Ended::Stopped(stopped),
            });
            course.close(outcome).await;
        });
        Ok(send::open(exchange, &head, body))
    }
}
