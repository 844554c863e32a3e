//! One request under the rules, without waiting for anything: what it asks for ([`ask()`]), whether it
//! may ([`decide()`]), and what of the core's answer may leave ([`Document::release`]). The gateway
//! judges live requests with it, and the cases of `policies/tests` are judged by the very same code.
//!
//! Not here: who the caller is, whose a customer is by the book, what is left of a budget, and every
//! kind of IO. Who calls brings those facts along.

mod answer;
mod ask;
mod beforehand;
mod decide;
mod figures;
mod question;
mod recipients;
mod release;
mod route;
mod subject;

pub use self::answer::{
    CORE_STATUS, Opened, Owner, Whose, listed, refuse_large_page, refuse_many_records,
    uninspectable, whose,
};
pub use self::ask::{Asked, INCLUDED, Selector, ask, is_media_type};
pub use self::beforehand::{may_withhold, plans_of_any_owner, withheld_beforehand};
pub use self::decide::{Call, choose_purpose, decide, purpose_named};
pub use self::figures::{Earlier, Figures, Label, Leaving, TOTAL};
pub use self::question::Question;
pub use self::recipients::Recipient;
pub use self::release::{Document, Extent, Granted, LINK_PROMISE, Release, rejection};
pub use self::route::{check_query, said};
pub use self::subject::{OnBehalf, Subject, subject};
