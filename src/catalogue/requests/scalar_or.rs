//! Members of a request that are a scalar or an object in its place: the id of a thing, or the thing itself.

use super::super::document::Part;
use super::super::reading::Unusable;
use super::super::request::{Expected, ExpectedKind, ExpectedMember, ExpectedMembers};
use super::Content;

impl<'a> Content<'a, '_> {
    /// The branches of a schema that is either a scalar or an object: the one, and the others.
    pub(super) fn scalar_or_object(&mut self, part: &'a Part) -> Option<(&'a Part, Vec<&'a Part>)> {
        let (mut scalars, mut objects) = (Vec::new(), Vec::new());
        for branch in self.branches(part) {
            let resolved = self.reading.resolve(branch)?;
            match resolved.get("type").and_then(Part::text) {
                Some("null") => {}
                Some("string" | "integer") => scalars.push(branch),
                _ => objects.push(branch),
            }
        }
        match scalars.as_slice() {
            [scalar] if !objects.is_empty() => Some((scalar, objects)),
            _ => None,
        }
    }

    /// Whether a text is among what a schema of several branches admits.
    pub(super) fn may_name(&mut self, part: &'a Part) -> bool {
        let branches = self.branches(part);
        let mut resolved = branches.iter().filter_map(|one| self.reading.resolve(one));
        branches.len() > 1
            && resolved.any(|one| {
                let is_text = one.get("type").and_then(Part::text) == Some("string");
                is_text && one.get("enum").is_none() && one.get("format").is_none()
            })
    }

    /// What stands in `oneOf` or `anyOf`.
    fn branches(&mut self, part: &'a Part) -> &'a [Part] {
        let target = self.reading.resolve(part);
        let branches = target.and_then(|target| target.get("oneOf").or(target.get("anyOf")));
        branches.map(Part::items).unwrap_or_default()
    }

    /// A scalar, or one of these objects; open where they do not fit together.
    pub(super) fn scalar_or(&mut self, objects: &[&'a Part]) -> Result<ExpectedKind, Unusable> {
        let mut together: Option<ExpectedMembers> = None;
        for object in objects {
            let ExpectedKind::Members(members) = self.kind(object)? else {
                return Ok(ExpectedKind::Any);
            };
            together = match together {
                None => Some(members),
                Some(known) => match joined(known, members) {
                    Some(joined) => Some(joined),
                    None => return Ok(ExpectedKind::Any),
                },
            };
        }
        Ok(together.map_or(ExpectedKind::Any, ExpectedKind::ScalarOr))
    }
}

/// The members of either, unless one name is two things in them.
fn joined(mut one: ExpectedMembers, other: ExpectedMembers) -> Option<ExpectedMembers> {
    for member in other.named {
        match one.named.iter().find(|known| known.name == member.name) {
            Some(known) if !is_same(known, &member) => return None,
            Some(_) => {}
            None => one.named.push(member),
        }
    }
    one.others = one.others.or(other.others);
    Some(one)
}

fn is_same(one: &ExpectedMember, other: &ExpectedMember) -> bool {
    let is_scalar = |value: &Expected| matches!(value.kind, ExpectedKind::Scalar);
    is_scalar(&one.value)
        && is_scalar(&other.value)
        && one.value.role == other.value.role
        && one.xml_name == other.xml_name
        && one.attribute == other.attribute
}
