//! A person whom entries are about, as somebody types it: common to searches, reports and packages.

use clap::Args;

use crate::administration::messages::RecipientTyped;

/// A person. One of it must be given where nothing else of the group `whom` is.
#[derive(Clone, Debug, Args)]
#[group(skip)]
pub struct WhomArguments {
    /// A customer: id, reference, e-mail address, telephone number or postal address.
    #[arg(long, group = "whom")]
    customer: Option<String>,
    /// A recipient of mail, on a customer's list: the whole name. Found are entries of the months whose keys
    /// were not destroyed.
    #[arg(
        long,
        group = "whom",
        requires = "address",
        conflicts_with = "customer"
    )]
    recipient: Option<String>,
    /// The whole postal address of that recipient, its country included where that is not the one at home; in
    /// any order.
    #[arg(long, requires = "recipient")]
    address: Option<String>,
}

impl WhomArguments {
    /// The customer, and the recipient.
    pub(super) fn typed(self) -> (Option<String>, Option<RecipientTyped>) {
        let recipient = self.recipient.map(|name| RecipientTyped {
            name,
            address: self.address.unwrap_or_default(),
        });
        (self.customer, recipient)
    }
}
