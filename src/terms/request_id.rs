//! The id of a request.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The id of one request: a UUIDv7, the same in headers, entry, log line and trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestId(Uuid);

impl RequestId {
    /// A new one, for a request that arrives at `now`.
    pub fn new(now: jiff::Timestamp) -> Self {
        let seconds = u64::try_from(now.as_second()).unwrap_or_default();
        let nanoseconds = u32::try_from(now.subsec_nanosecond()).unwrap_or_default();
        let moment = uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanoseconds);
        Self(Uuid::new_v7(moment))
    }

    /// From its text.
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(Self)
    }

    /// When the request arrived, to the millisecond (RFC 9562 section 5.7); none of an id of another kind.
    pub fn arrived_at(&self) -> Option<jiff::Timestamp> {
        let (seconds, nanoseconds) = self.0.get_timestamp()?.to_unix();
        let (seconds, nanoseconds) = (
            i64::try_from(seconds).ok()?,
            i32::try_from(nanoseconds).ok()?,
        );
        jiff::Timestamp::new(seconds, nanoseconds).ok()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_when_its_request_arrived_and_one_of_another_kind_does_not() {
        let now: jiff::Timestamp = "2026-11-28T08:30:00.125Z".parse().unwrap();
        assert_eq!(RequestId::new(now).arrived_at(), Some(now));
        let random = RequestId::parse("6f1c3a52-9d0e-4b7a-8c11-0e2f4a6b8c9d").unwrap();
        assert_eq!(random.arrived_at(), None);
    }
}
