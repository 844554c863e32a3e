//! The single values of an answer in JSON: each of the type and kind that its field has, noted as a piece, and
//! where it is an id, as that of its record.

use std::borrow::Cow;

use super::{Scanner, index};
use crate::catalogue::{Field, FieldId, FieldRole, Misfit, ScalarKind};
use crate::filter::piece::{Content, Piece, Scalar, Token};
use crate::filter::reader::{Quoted, Reader};
use crate::filter::scanned::Record;
use crate::filter::text::{unescape_into, unquoted};
use crate::filter::uninspectable::{Reason, Uninspectable};

impl<'a> Scanner<'a> {
    /// Reads a value of the field `id`, which is `member` of the object around it.
    #[inline(always)]
    pub(super) fn scalar(
        &mut self,
        reader: &mut Reader<'a>,
        id: FieldId,
        member: u16,
    ) -> Result<(), Uninspectable> {
        let Some(field) = self.shape.fields.get(usize::from(id.0)) else {
            return Err(reader.refuse(Reason::Mismatch));
        };
        let first = reader.next();
        let start = reader.position();
        let token = self.token(reader, field, first);
        let token = token.map_err(|found| found.of_field(id, None))?;
        if field.check.is_needed() && !is_surely_admitted(field, token, reader.since(start)) {
            let fit = self.fit(field, token, reader.since(start));
            fit.map_err(|misfit| {
                Uninspectable::new(Reason::Mismatch, start).of_field(id, Some(misfit))
            })?;
        }
        self.pieces.push(Piece {
            member,
            content: Content::Scalar(Scalar {
                start: index(start),
                end: index(reader.position()),
                field: id,
                token,
            }),
        });
        self.present.insert(id);
        if field.role != FieldRole::Data {
            self.identify(field.role, token, reader.since(start), start)?;
        }
        Ok(())
    }

    /// Reads a token of the type that `field` has; `first` is its first byte, not yet read.
    #[inline(always)]
    fn token(
        &mut self,
        reader: &mut Reader<'a>,
        field: &Field,
        first: Option<u8>,
    ) -> Result<Token, Uninspectable> {
        match (first, field.kind) {
            (Some(b'"'), ScalarKind::String) => Ok(match reader.string()? {
                Quoted::Plain => Token::Plain,
                Quoted::Escaped => Token::Escaped,
                Quoted::Respelled => Token::Respelled,
            }),
            (Some(b'-' | b'0'..=b'9'), ScalarKind::Integer | ScalarKind::Number) => {
                let start = reader.position();
                let integer = reader.number()?;
                let long = reader.position() - start > self.limits.number_bytes_max;
                if long || (!integer && field.kind == ScalarKind::Integer) {
                    return Err(Uninspectable::new(Reason::Mismatch, start));
                }
                Ok(Token::Bare)
            }
            (Some(b't'), ScalarKind::Boolean) => reader.literal(b"true").map(|()| Token::Bare),
            (Some(b'f'), ScalarKind::Boolean) => reader.literal(b"false").map(|()| Token::Bare),
            (Some(b'n'), _) if field.nullable => reader.literal(b"null").map(|()| Token::Null),
            _ => Err(reader.not_this_value()),
        }
    }

    /// Holds the value `written` to what the catalogue says of it.
    #[inline]
    fn fit(&mut self, field: &Field, token: Token, written: &str) -> Result<(), Misfit> {
        match token {
            Token::Null => Ok(()),
            Token::Bare => field.check.fit_bare(written),
            Token::Plain => field.check.fit(unquoted(written)),
            Token::Escaped | Token::Respelled => {
                self.decoded.clear();
                unescape_into(unquoted(written), &mut self.decoded);
                field.check.fit(&self.decoded)
            }
            other => field.check.fit(&other.decode(written)),
        }
    }

    /// Where what is read now belongs.
    #[inline]
    fn subject(&mut self) -> &mut Record<'a> {
        match &mut self.record {
            Some((record, _)) => record,
            None => &mut self.envelope,
        }
    }

    /// Notes the value `written`, whose token begins at `start`, as somebody's or something's id.
    #[inline(never)]
    fn identify(
        &mut self,
        role: FieldRole,
        token: Token,
        written: &'a str,
        start: usize,
    ) -> Result<(), Uninspectable> {
        if token == Token::Null {
            return Ok(());
        }
        identify(self.subject(), role, token.decode(written), start)
    }
}

/// Whether there is no need to look closer at a text, of which most have a length and no more to keep to.
#[inline(always)]
fn is_surely_admitted(field: &Field, token: Token, written: &str) -> bool {
    let is_text = matches!(token, Token::Plain | Token::Escaped | Token::Respelled);
    is_text && field.check.surely_admits_coded(unquoted(written))
}

/// Notes `id`, whose value begins at `start`, as that of whose data `subject` is, or of a thing in it.
pub(super) fn identify<'a>(
    subject: &mut Record<'a>,
    role: FieldRole,
    id: Cow<'a, str>,
    start: usize,
) -> Result<(), Uninspectable> {
    match role {
        FieldRole::Data => {}
        FieldRole::CustomerKey => match &subject.customer {
            Some(customer) if *customer != id => {
                return Err(Uninspectable::new(Reason::SeveralCustomers, start));
            }
            _ => subject.customer = Some(id),
        },
        FieldRole::GroupSize => {
            let size = id.parse();
            subject.size = Some(size.map_err(|_| Uninspectable::new(Reason::Mismatch, start))?);
        }
        FieldRole::ResourceId(kind) => {
            if let Some(resource) = subject.resources.get_mut(kind as usize) {
                resource.get_or_insert(id);
            }
        }
    }
    Ok(())
}
