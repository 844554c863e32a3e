//! What stands where a value does not leave as it is: a part, a pseudonym, a link of the gateway, or what
//! stands for nothing; the same for every format.

use super::{Scalar, Token, Treatment, Writer};
use crate::catalogue::Field;
use crate::filter::plan::{Plan, without_form};

impl<'s> Writer<'s, '_> {
    /// What happens to a scalar: of a link, whether it leads anywhere. The link that leaves is then
    /// what was `made`.
    #[inline]
    pub(super) fn treatment(&mut self, scalar: Scalar, plan: &Plan) -> Treatment {
        match plan.treatment(scalar.field) {
            Treatment::Link if scalar.token != Token::Null => self.lead(scalar, plan),
            treatment => treatment,
        }
    }

    #[inline(never)]
    fn lead(&mut self, scalar: Scalar, plan: &Plan) -> Treatment {
        let field = self.scanned.shape.fields.get(usize::from(scalar.field.0));
        let part = scalar.start as usize..scalar.end as usize;
        let (Some(field), Some(written)) = (field, self.scanned.text.get(part)) else {
            return Treatment::Remove;
        };
        let value = scalar.token.decode(written);
        let link = self.leading.lead(field, plan, &value);
        let link = link.filter(|link| field.check.admits(link));
        self.leading.note(scalar.field, link.is_some());
        match link {
            Some(link) => {
                self.made = link;
                Treatment::Link
            }
            None => without_form(field),
        }
    }

    /// What stands in the place of a scalar that does not leave as it is, as JSON; else the text that was
    /// made for it.
    pub(super) fn instead(
        &mut self,
        scalar: Scalar,
        treatment: Treatment,
        written: &str,
    ) -> Option<&'s [u8]> {
        let field = self.scanned.shape.fields.get(usize::from(scalar.field.0));
        match (treatment, scalar.token) {
            (Treatment::Partial(_) | Treatment::Pseudonym(_) | Treatment::Link, Token::Null) => {
                Some(b"null")
            }
            (Treatment::Link, _) => None,
            (Treatment::Partial(_) | Treatment::Pseudonym(_), token) => {
                let made = self.make(field, treatment, &token.decode(written));
                (!made).then(|| field.map_or(&b"null"[..], Field::stand_in))
            }
            (Treatment::Empty, _) => Some(field.map_or(b"null", |field| &field.empty)),
            (Treatment::Clear | Treatment::Figure | Treatment::Null | Treatment::Remove, _) => {
                Some(b"null")
            }
        }
    }

    /// Makes the part or the pseudonym of a text, unless that breaks the field's schema; whether it did.
    fn make(&mut self, field: Option<&Field>, treatment: Treatment, value: &str) -> bool {
        let made = &mut self.made;
        field.is_some_and(|field| match (treatment, &field.pseudonym) {
            (Treatment::Partial(partial), _) => partial.write(value, &field.check, made),
            (Treatment::Pseudonym(category), Some(pseudonym)) => {
                made.clear();
                self.key.write(pseudonym, category, value, made);
                field.check.admits(made)
            }
            _ => false,
        })
    }

    /// As [`Self::instead`], for formats in which everything is text: it stands in `made`, empty for `null`.
    pub(super) fn instead_as_text(&mut self, scalar: Scalar, treatment: Treatment, written: &str) {
        let Some(json) = self.instead(scalar, treatment, written) else {
            return;
        };
        let json = std::str::from_utf8(json).unwrap_or_default();
        self.made.clear();
        match json.as_bytes().first() {
            Some(b'"') => self.made.push_str(&Token::Respelled.decode(json)),
            Some(b'n') | None => {}
            Some(_) => self.made.push_str(json),
        }
    }
}
