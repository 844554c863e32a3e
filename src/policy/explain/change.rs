//! What would have to change for a call to be granted, or for more of an answer to leave: a line of
//! the contract, another purpose, something on record about the customer, or only the promises.

use super::super::circumstances::Circumstances;
use super::super::contract::Contract;
use super::super::promises::Call;
use super::super::vocabulary::Question;
use super::super::{AccessRequest, PolicySet};
use super::text::adverb;
use crate::refusal::{Code, Refusal};
use crate::taxonomy::{Category, Purpose};
use crate::terms::{Form, FormSet};

/// Most purposes named that the contract does not have.
const PURPOSES_MAX: usize = 3;

impl PolicySet {
    /// What would have to change for `category` to leave in a richer form than `form`.
    pub(super) fn changes(
        &self,
        request: &AccessRequest<'_>,
        contract: &Contract,
        question: &Question,
        category: Category,
        form: Option<Form>,
    ) -> Vec<String> {
        let richer = Form::ALL.into_iter();
        let richer: FormSet = richer
            .filter(|other| form.is_none_or(|form| *other < form))
            .collect();
        let mask = contract.categories.get(category.index()).copied();
        let masked = mask.unwrap_or_default().intersection(richer);
        let mut found: Vec<(String, Form)> = Vec::new();
        if let Some(promised) = self.richest(question, category, richer) {
            let (word, file) = (promised.word(), file_of(contract));
            let line = format!("under `categories` in {file}, write `{category}: {word}`");
            found.push((line, promised));
        }
        for purpose in &contract.purposes {
            let other = Question {
                purpose: *purpose,
                ..*question
            };
            let asked = AccessRequest {
                purpose: *purpose,
                ..*request
            };
            let leaves = self.richest(&other, category, masked);
            if let Some(leaves) = leaves.filter(|_| self.decide(&asked).is_ok()) {
                found.push((format!("ask for `{purpose}`"), leaves));
            }
        }
        for (circumstances, words) in one_more(question.circumstances) {
            let other = Question {
                circumstances,
                ..*question
            };
            let leaves = self.richest(&other, category, masked);
            found.extend(leaves.map(|leaves| (words.to_owned(), leaves)));
        }
        let mut changes = by_form(&found);
        if changes.is_empty() {
            changes.extend(self.other_purposes(request, contract, question, category, richer));
        }
        if changes.is_empty() {
            changes.push("nothing in the contract; only a change of the promises".to_owned());
        }
        changes
    }

    /// The purposes that the contract does not have, and for which the promises allow more.
    fn other_purposes(
        &self,
        request: &AccessRequest<'_>,
        contract: &Contract,
        question: &Question,
        category: Category,
        richer: FormSet,
    ) -> Option<String> {
        let allowed = |purpose: &Purpose| {
            let other = Question {
                purpose: *purpose,
                ..*question
            };
            !contract.purposes.contains(purpose)
                && is_used_for(request, *purpose)
                && matches!(self.promises.call(&other), Call::Permitted(_))
                && self.richest(&other, category, richer).is_some()
        };
        let found = Purpose::all().filter(allowed).take(PURPOSES_MAX);
        let found: Vec<String> = found.map(|purpose| format!("`{purpose}`")).collect();
        (!found.is_empty()).then(|| {
            let (file, found) = (file_of(contract), found.join(", "));
            format!(
                "the promises let it leave for {found}, which `purposes` in {file} does not have"
            )
        })
    }

    /// What would have to change for the call to be granted.
    pub(super) fn changes_of_refusal(
        &self,
        request: &AccessRequest<'_>,
        refusal: &Refusal,
    ) -> Vec<String> {
        let Some(contract) = self.contract(request.partner) else {
            return vec![format!("write a contract for `{}`", request.partner)];
        };
        let (file, operation) = (file_of(contract), &request.operation.id);
        let mut changes = Vec::new();
        match refusal.code {
            Code::NotFound => {
                return vec!["ask about a customer of the partner's own".to_owned()];
            }
            Code::PartnerSuspended => {
                return vec![format!(
                    "two people resume the partner: `covenant partner resume {}`",
                    contract.partner
                )];
            }
            Code::OperationNotAllowed if refusal.rule.is_none() => {
                changes.push(format!("add `{operation}` to `operations` in {file}"));
            }
            Code::PageTooLarge => changes.push(format!(
                "raise `page_records_max` in {file}, there or for a time under `exceptions`"
            )),
            Code::PurposeNotAllowed if self.could_have(request, contract) => {
                let purpose = request.purpose;
                changes.push(format!("add `{purpose}` to `purposes` in {file}"));
            }
            _ => {}
        }
        changes.extend(self.granted_for(request, contract));
        if refusal.rule.is_some() {
            changes.extend(self.permitted_with(request, contract));
        }
        if changes.is_empty() {
            changes.push(match &refusal.rule {
                Some(rule) => format!("only a change of the promises: of their rule `{rule}`"),
                None => format!("{file} and the promises together; no single change is enough"),
            });
        }
        changes
    }

    /// Whether the promises and the operation would let the contract have the purpose of the request.
    fn could_have(&self, request: &AccessRequest<'_>, contract: &Contract) -> bool {
        let call = self.promises.call(&request.question(contract));
        !contract.purposes.contains(&request.purpose)
            && is_used_for(request, request.purpose)
            && matches!(call, Call::Permitted(_))
    }

    /// The purposes of the contract for which the same call is granted.
    fn granted_for(
        &self,
        request: &AccessRequest<'_>,
        contract: &Contract,
    ) -> impl Iterator<Item = String> {
        let purposes = contract.purposes.iter().filter(|purpose| {
            let other = AccessRequest {
                purpose: **purpose,
                ..*request
            };
            self.decide(&other).is_ok()
        });
        purposes.map(|purpose| format!("ask for `{purpose}`"))
    }

    /// What may come to be known of the customer with which the promises permit the same call.
    fn permitted_with(
        &self,
        request: &AccessRequest<'_>,
        contract: &Contract,
    ) -> impl Iterator<Item = String> {
        let question = request.question(contract);
        let known = one_more(question.circumstances).filter(move |(circumstances, _)| {
            let other = Question {
                circumstances: *circumstances,
                ..question
            };
            matches!(self.promises.call(&other), Call::Permitted(_))
        });
        known.map(|(_, words)| format!("{words}, the promises would permit it"))
    }
}

fn is_used_for(request: &AccessRequest<'_>, purpose: Purpose) -> bool {
    let uses = &request.operation.purposes;
    uses.is_empty() || uses.iter().any(|using| purpose.is_within(*using))
}

/// One sentence for each form that something would leave in.
fn by_form(found: &[(String, Form)]) -> Vec<String> {
    let sentence = |form: Form| {
        let conditions = found.iter().filter(|(_, leaves)| *leaves == form);
        let conditions: Vec<&str> = conditions.map(|(words, _)| words.as_str()).collect();
        let (conditions, leaves) = (conditions.join(", or "), adverb(form));
        (!conditions.is_empty()).then(|| format!("{conditions}: it would leave {leaves}"))
    };
    Form::ALL.into_iter().filter_map(sentence).collect()
}

fn file_of(contract: &Contract) -> String {
    format!("partners/{}.yaml", contract.partner)
}

/// Each circumstance that does not hold, added to those that do.
fn one_more(known: Circumstances) -> impl Iterator<Item = (Circumstances, &'static str)> {
    let more = [
        (
            Circumstances { own: true, ..known },
            "about a customer of its own",
        ),
        (
            Circumstances {
                consented: true,
                ..known
            },
            "with the customer's consent on record",
        ),
        (
            Circumstances {
                agreement: true,
                ..known
            },
            "under an agreement with the customer",
        ),
        (
            Circumstances {
                order: true,
                ..known
            },
            "under an approved release order",
        ),
    ];
    more.into_iter().filter(move |(more, _)| *more != known)
}
