//! A body of `application/x-www-form-urlencoded` (WHATWG URL section 5.1), read like a query.

use bytes::Bytes;

use super::sent::Sent;
use crate::edge::query::Query;
use crate::refusal::{Code, Refusal};

/// A form with one reading.
pub(super) struct Form(Query);

/// Reads a body.
///
/// # Errors
/// `request-malformed` for what two readers could take differently, and for an access token (RFC 6750
/// section 2.2), which this gateway takes from `Authorization` alone.
pub(super) fn read(body: &[u8]) -> Result<Form, Box<Refusal>> {
    let malformed = |reason: &str| {
        Box::new(Refusal::new(
            Code::RequestMalformed,
            format!("The form is not acceptable: {reason}."),
            "Send each field once, percent-encoded, and the token in `Authorization`.",
        ))
    };
    let text = std::str::from_utf8(body).map_err(|_| malformed("it is not plain text"))?;
    let query = Query::parse_form(text).map_err(|mistake| {
        let reason = mistake.to_string().replacen("query", "form", 1);
        malformed(&reason)
    })?;
    Ok(Form(query))
}

impl Form {
    /// Its fields in the order sent.
    pub(super) fn fields(&self) -> Vec<(&str, Sent)> {
        let fields = self.0.iter();
        fields
            .map(|(name, value)| (name, Sent::Text(value.to_owned())))
            .collect()
    }

    /// Its only spelling.
    pub(super) fn written(&self) -> Bytes {
        self.0.to_string().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fields(body: &[u8]) -> Option<Vec<(String, String)>> {
        let form = read(body).ok()?;
        let fields = form.0.iter();
        Some(
            fields
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        )
    }

    #[test]
    fn a_form_is_written_in_its_only_spelling() {
        let form = read(b"to%5Bname%5D=Ann+B&text=a%0D%0Ab&%75se_type=operational").unwrap();
        assert_eq!(
            form.written(),
            "to[name]=Ann%20B&text=a%0D%0Ab&use_type=operational"
        );
    }

    #[test]
    fn what_two_readers_could_take_differently_is_refused() {
        for body in [
            "a=1&a=2",
            "a=1&%61=2",
            "a=1&a[]=2",
            "a=1;b=2",
            "a=1&&b=2",
            "=1",
            "a=%",
            "a=%ff",
            "a=%00",
            "a%0A=1",
            "a=1\r\n",
            "a=b c",
            "{\"a\":1}",
            "access_token=x",
        ] {
            assert_eq!(fields(body.as_bytes()), None, "{body}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn what_is_written_reads_the_same_to_another_parser(
            body in "([a-c]|%[2-7][0-9a-f]|[=&+]|\\[\\]|%C3%A9|%0A){0,24}"
        ) {
            if let Ok(form) = read(body.as_bytes()) {
                let written = form.written();
                let ours = fields(&written);
                prop_assert_eq!(&ours, &fields(body.as_bytes()));
                let theirs: Vec<(String, String)> =
                    form_urlencoded::parse(&written).into_owned().collect();
                prop_assert_eq!(ours, Some(theirs));
                let of_original: Vec<(String, String)> =
                    form_urlencoded::parse(body.as_bytes()).into_owned().collect();
                prop_assert_eq!(fields(&written), Some(of_original));
            }
        }
    }
}
