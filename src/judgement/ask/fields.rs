//! The flat fields of a form or a multipart body as the members they stand for: `to[name]` is the
//! member `name` of `to`, `include[]` one value of a list. How servers read anything beyond that
//! differs, so it is refused.

use super::sent::Sent;
use crate::catalogue::{Expected, ExpectedKind};
use crate::refusal::{Code, Refusal};

/// Most names in one another.
const LEVELS_MAX: usize = 8;

/// The members that fields stand for. A name that the catalogue has as it is, brackets and all, stands
/// for itself.
///
/// # Errors
/// `request-malformed` for a name with two readings, or two fields of one name.
pub(super) fn nested(fields: Vec<(&str, Sent)>, root: &Expected) -> Result<Sent, Box<Refusal>> {
    let mut members = Vec::new();
    for (name, value) in fields {
        let steps =
            steps(name, root).ok_or_else(|| malformed("a field name that has no one reading"))?;
        insert(&mut members, &steps, value)?;
    }
    Ok(Sent::Members(members))
}

/// A refusal of fields.
pub(super) fn malformed(what: &str) -> Box<Refusal> {
    Refusal::new(
        Code::RequestMalformed,
        format!("The body has {what}."),
        "Send each field once: `name`, `name[]` for a list, `name[member]` for what is within.",
    )
    .into()
}

/// The names from the outermost to the innermost; an empty one at the end is a value of a list.
fn steps<'a>(name: &'a str, root: &Expected) -> Option<Vec<&'a str>> {
    // A field of that name changes how some servers read all the others (RFC 7578 section 4.6).
    if name == "_charset_" {
        return None;
    }
    if let ExpectedKind::Members(members) = &root.kind
        && members.named.iter().any(|member| *member.name == *name)
    {
        return match name.strip_suffix("[]") {
            Some(_) => Some(vec![name, ""]),
            None => Some(vec![name]),
        };
    }
    let open = name.find('[').unwrap_or(name.len());
    let (first, mut rest) = name.split_at(open);
    let mut steps = vec![first];
    while !rest.is_empty() {
        let (step, behind) = rest.strip_prefix('[')?.split_once(']')?;
        steps.push(step);
        rest = behind;
    }
    let within = steps.iter().rev().skip(1).all(|step| !step.is_empty());
    let clean = steps.iter().all(|step| !step.contains(['[', ']']));
    (within && clean && !first.is_empty() && steps.len() <= LEVELS_MAX).then_some(steps)
}

fn insert(
    members: &mut Vec<(String, Sent)>,
    steps: &[&str],
    value: Sent,
) -> Result<(), Box<Refusal>> {
    let twice = || malformed("a field that is there twice, or is two kinds of thing at once");
    let Some((name, rest)) = steps.split_first() else {
        return Err(twice());
    };
    let known = members.iter_mut().find(|(other, _)| other == name);
    match (known, rest) {
        (None, []) => members.push(((*name).to_owned(), value)),
        (None, [""]) => members.push(((*name).to_owned(), Sent::List(vec![value]))),
        (None, rest) => {
            let mut below = Vec::new();
            insert(&mut below, rest, value)?;
            members.push(((*name).to_owned(), Sent::Members(below)));
        }
        (Some((_, Sent::List(values))), [""]) => values.push(value),
        (Some((_, Sent::Members(below))), rest) if !rest.is_empty() && rest != [""] => {
            insert(below, rest, value)?;
        }
        (Some(_), _) => return Err(twice()),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(fields: &[(&str, &str)]) -> Option<Sent> {
        let fields = fields
            .iter()
            .map(|(name, value)| (*name, Sent::Text((*value).to_owned())));
        nested(fields.collect(), &Expected::plain(ExpectedKind::Any)).ok()
    }

    #[test]
    fn brackets_are_members_and_lists() {
        let read = read(&[
            ("to[name]", "Ann"),
            ("include[]", "a"),
            ("to[address][city]", "Ulm"),
            ("include[]", "b"),
            ("plain", "1"),
        ]);
        let expected = json!({
            "to": {"name": "Ann", "address": {"city": "Ulm"}},
            "include": ["a", "b"],
            "plain": "1",
        });
        assert_eq!(read, Some(expected.into()));
    }

    #[test]
    fn a_name_with_two_readings_is_refused() {
        for fields in [
            &[("a[b", "1")] as &[_],
            &[("a]b", "1")],
            &[("a]", "1")],
            &[("[a]", "1")],
            &[("a[b]c", "1")],
            &[("a[[b]]", "1")],
            &[("a[][b]", "1")],
            &[("a[]]", "1")],
            &[("", "1")],
            &[("_charset_", "utf-7")],
            &[("a", "1"), ("a", "2")],
            &[("a", "1"), ("a[b]", "2")],
            &[("a[b]", "1"), ("a", "2")],
            &[("a[b]", "1"), ("a[b]", "2")],
            &[("a[]", "1"), ("a[b]", "2")],
            &[("a[b]", "1"), ("a[]", "2")],
            &[("a[b][]", "1"), ("a[b]", "2")],
            &[("a[1][2][3][4][5][6][7][8]", "1")],
        ] {
            assert_eq!(read(fields), None, "{fields:?}");
        }
    }
}
