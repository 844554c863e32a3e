//! W3C Trace Context, version 00: read from the partner, continued towards the core.

use aws_lc_rs::rand;

use crate::terms::hexadecimal;

/// The trace a request belongs to, and the span that stands for it here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: String,
    span_id: String,
    parent_id: Option<String>,
    sampled: bool,
}

impl TraceContext {
    /// Continues the trace of a `traceparent` header; begins a new one without it, or when it is not
    /// of the form the specification gives (section 3.2).
    pub fn continued(traceparent: Option<&str>) -> Self {
        let span_id = random_hex(8);
        match traceparent.and_then(parse) {
            Some((trace_id, parent_id, sampled)) => Self {
                trace_id,
                span_id,
                parent_id: Some(parent_id),
                sampled,
            },
            None => Self {
                trace_id: random_hex(16),
                span_id,
                parent_id: None,
                sampled: true,
            },
        }
    }

    /// 32 hexadecimal digits.
    pub fn trace_id(&self) -> &str {
        &self.trace_id
    }

    /// 16 hexadecimal digits: this gateway's span.
    pub fn span_id(&self) -> &str {
        &self.span_id
    }

    /// 16 hexadecimal digits: the caller's span.
    pub fn parent_id(&self) -> Option<&str> {
        self.parent_id.as_deref()
    }

    /// Whether the caller samples this trace.
    pub fn is_sampled(&self) -> bool {
        self.sampled
    }

    /// The `traceparent` for the core.
    pub fn outgoing(&self) -> String {
        format!(
            "00-{}-{}-0{}",
            self.trace_id,
            self.span_id,
            u8::from(self.sampled)
        )
    }
}

fn parse(header: &str) -> Option<(String, String, bool)> {
    let mut parts = header.split('-');
    let (version, trace_id) = (parts.next()?, parts.next()?);
    let (parent_id, flags) = (parts.next()?, parts.next()?);
    let hex = |text: &str, length| {
        text.len() == length
            && text
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            && text.bytes().any(|byte| byte != b'0')
    };
    let sound = version == "00"
        && parts.next().is_none()
        && flags.len() == 2
        && flags.bytes().all(|byte| byte.is_ascii_hexdigit());
    let flags = u8::from_str_radix(flags, 16).ok()?;
    (sound && hex(trace_id, 32) && hex(parent_id, 16))
        .then(|| (trace_id.to_owned(), parent_id.to_owned(), flags & 1 == 1))
}

/// Random bytes in hexadecimal. Without randomness the id is all ones: a trace is not worth a failure.
fn random_hex(bytes: usize) -> String {
    let mut buffer = [0xff_u8; 16];
    let random = rand::fill(&mut buffer).is_ok();
    debug_assert!(random, "the system has no randomness");
    hexadecimal(buffer.get(..bytes).unwrap_or(&buffer))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_trace_is_continued_with_a_span_of_our_own() {
        let context = TraceContext::continued(Some(GOOD));
        assert_eq!(context.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(context.parent_id(), Some("00f067aa0ba902b7"));
        assert_ne!(context.span_id(), "00f067aa0ba902b7");
        assert_eq!(
            TraceContext::continued(Some(&context.outgoing())).trace_id(),
            context.trace_id()
        );
    }

    #[test]
    fn what_is_not_of_the_form_begins_a_new_trace() {
        for wrong in [
            "",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-+1",
        ] {
            assert_eq!(
                TraceContext::continued(Some(wrong)).parent_id(),
                None,
                "{wrong}"
            );
        }
    }
}
