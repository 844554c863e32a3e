//! What happens to each field of a shape under one set of granted forms: made once for a grant, then
//! looked up by field.

use super::field_set::FieldSet;
use crate::catalogue::{Field, FieldId, Node, Partial, ScalarKind, Shape};
use crate::taxonomy::Category;
use crate::terms::{CategoryForms, Form};

/// What happens to the values of one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// It leaves as the core answered it.
    Clear,
    /// It is a link, and leaves led to the gateway ([`super::Links`]); one that leads nowhere is
    /// withheld.
    Link,
    /// A part of it leaves.
    Partial(Partial),
    /// A replacement leaves, keyed by partner and made within this category.
    Pseudonym(Category),
    /// It leaves as the core answered it, being a figure over enough customers: whoever emits has to see
    /// to that, and give what is about fewer another plan.
    Figure,
    /// `null` stands in its place: the schema requires the member and allows that.
    Null,
    /// The catalogue's value for "nothing" stands in its place: the schema requires the member.
    Empty,
    /// It is left out.
    Remove,
}

/// How a field is withheld, by RFC 9537 section 4.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    /// The member is left out.
    Removal,
    /// The member is there without a value.
    EmptyValue,
    /// Only a part of the value is there.
    PartialValue,
    /// A replacement is there.
    ReplacementValue,
}

impl Method {
    /// Its name in RFC 9537, as in `Covenant-Redacted` and the ledger.
    pub fn word(self) -> &'static str {
        match self {
            Self::Removal => "removal",
            Self::EmptyValue => "emptyValue",
            Self::PartialValue => "partialValue",
            Self::ReplacementValue => "replacementValue",
        }
    }
}

/// A field that does not leave as the core answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WithheldField {
    /// Which.
    pub field: FieldId,
    /// How.
    pub method: Method,
}

/// What happens to every field of one shape.
#[derive(Clone, Debug)]
pub struct Plan {
    treatments: Vec<Treatment>,
    /// Fields of which anything leaves.
    released: FieldSet,
    withheld: Vec<WithheldField>,
    /// Of the released fields those about somebody.
    personal: FieldSet,
    /// Of these those of which something leaves for certain: a link may lead nowhere.
    certain: FieldSet,
}

/// What is to happen to one record.
#[derive(Clone, Copy, Debug)]
pub enum RecordDecision<'p> {
    /// It leaves as this plan, made for the same shape, says.
    Keep(&'p Plan),
    /// Nothing of it leaves, and that it was there does not show.
    Drop,
}

impl Plan {
    /// The plan for answers of `shape` where data categories may leave in `forms`.
    ///
    /// A field without category or form is removed; if the schema requires it, it becomes `null` or
    /// the catalogue's empty value. So does one whose form cannot be made: a partial value without a
    /// rule, a part or a pseudonym of something that is not text, a pseudonym that would break the
    /// schema, an aggregate where no figures over groups are answered.
    /// An object or array of which nothing leaves is removed where it is optional, so that neither
    /// its size nor its presence tells anything; a required array is then empty.
    pub fn new(shape: &Shape, forms: &CategoryForms) -> Self {
        let mut treatments: Vec<_> = shape
            .fields
            .iter()
            .map(|field| treatment(field, forms))
            .collect();
        let released = ids()
            .zip(&treatments)
            .filter(|(_, treatment)| treatment.releases());
        let released: FieldSet = released.map(|(field, _)| field).collect();
        remove_closed(&shape.root, &released, false, &mut treatments);
        let withheld = ids().zip(&treatments).filter_map(|(field, treatment)| {
            Some(WithheldField {
                field,
                method: treatment.method()?,
            })
        });
        let system = Category::parse("system");
        let personal = |field: &FieldId| {
            let category = shape
                .fields
                .get(usize::from(field.0))
                .and_then(|field| field.category);
            !category
                .zip(system)
                .is_some_and(|(category, system)| category.is_within(system))
        };
        let personal: FieldSet = released.iter().filter(personal).collect();
        let is_certain = |field: &FieldId| {
            let treatment = treatments.get(usize::from(field.0));
            treatment.is_some_and(|treatment| *treatment != Treatment::Link)
        };
        Self {
            withheld: withheld.collect(),
            certain: personal.iter().filter(is_certain).collect(),
            personal,
            released,
            treatments,
        }
    }

    /// What happens to `field`. One the shape does not have is removed.
    #[inline]
    pub fn treatment(&self, field: FieldId) -> Treatment {
        let treatment = self.treatments.get(usize::from(field.0));
        treatment.copied().unwrap_or(Treatment::Remove)
    }

    /// Every field of the shape that does not leave in clear, in the order of the fields. Those that
    /// stood in a given answer are found with [`super::Released`].
    pub fn withheld(&self) -> &[WithheldField] {
        &self.withheld
    }

    /// The fields of which anything leaves: in clear, a part, or a replacement.
    pub fn released(&self) -> &FieldSet {
        &self.released
    }

    /// Whether no field leaves but those of the category `system` and below: nothing about a person.
    pub fn discloses_nothing(&self) -> bool {
        self.personal.is_empty()
    }

    /// Whether a record in which these fields stand leaves with something about a person.
    #[inline]
    pub fn discloses_of(&self, present: &FieldSet) -> bool {
        self.certain.meets(present)
    }

    /// Whether anything below `node` may leave. A record may: its own plan decides.
    pub(super) fn opens(&self, node: &Node) -> bool {
        opens(node, &self.released)
    }
}

impl Treatment {
    /// Whether anything of the value leaves.
    pub(super) fn releases(self) -> bool {
        self.form().is_some()
    }

    /// Whether it leaves as the core wrote it.
    #[inline]
    pub(super) fn is_whole(self) -> bool {
        matches!(self, Self::Clear | Self::Figure)
    }

    /// The form in which anything of the field leaves.
    pub fn form(self) -> Option<Form> {
        match self {
            Self::Clear | Self::Link => Some(Form::Clear),
            Self::Partial(_) => Some(Form::Partial),
            Self::Pseudonym(_) => Some(Form::Pseudonym),
            Self::Figure => Some(Form::Aggregate),
            Self::Null | Self::Empty | Self::Remove => None,
        }
    }

    fn method(self) -> Option<Method> {
        match self {
            Self::Clear | Self::Link | Self::Figure => None,
            Self::Partial(_) => Some(Method::PartialValue),
            Self::Pseudonym(_) => Some(Method::ReplacementValue),
            Self::Null | Self::Empty => Some(Method::EmptyValue),
            Self::Remove => Some(Method::Removal),
        }
    }
}

fn treatment(field: &Field, forms: &CategoryForms) -> Treatment {
    let granted = field.category.and_then(|category| {
        let form = forms.get(category.index()).copied().flatten()?;
        Some((category, form))
    });
    let text = field.kind == ScalarKind::String;
    match (granted, field.partial) {
        (Some((_, Form::Clear)), _) if field.link.is_some() => Treatment::Link,
        (Some((_, Form::Clear)), _) => Treatment::Clear,
        (Some((_, Form::Aggregate)), _) if field.figure => Treatment::Figure,
        (Some((_, Form::Partial)), Some(partial)) if text => Treatment::Partial(partial),
        (Some((category, Form::Pseudonym)), _) if text && field.pseudonym.is_some() => {
            Treatment::Pseudonym(category)
        }
        _ => without_form(field),
    }
}

/// What stands for a field that may leave in no form.
pub(super) fn without_form(field: &Field) -> Treatment {
    match field.required {
        false => Treatment::Remove,
        true if field.nullable && field.null_fits => Treatment::Null,
        true => Treatment::Empty,
    }
}

/// How a link that leads nowhere is withheld; as an item of a list it is left out of it.
pub fn withheld_link(field: &Field) -> Method {
    let treatment = if field.path.ends_with("[*]") {
        Treatment::Remove
    } else {
        without_form(field)
    };
    treatment.method().unwrap_or(Method::Removal)
}

/// Marks every field as removed that stands in a closed container which is left out or emptied:
/// `inside` one already, or in an optional member or an item below `node`.
fn remove_closed(node: &Node, released: &FieldSet, inside: bool, treatments: &mut [Treatment]) {
    match node {
        Node::Scalar(field) => {
            if let Some(treatment) = treatments.get_mut(usize::from(field.0)).filter(|_| inside) {
                *treatment = Treatment::Remove;
            }
        }
        Node::Array(item) => {
            remove_closed(item, released, inside || !opens(item, released), treatments);
        }
        Node::Object(object) => {
            if let Some(field) = object.others {
                remove_closed(&Node::Scalar(field), released, inside, treatments);
            }
            for member in &object.members {
                let container = !matches!(member.node, Node::Scalar(_));
                let closed = container && !member.required && !opens(&member.node, released);
                remove_closed(&member.node, released, inside || closed, treatments);
            }
        }
    }
}

fn opens(node: &Node, released: &FieldSet) -> bool {
    match node {
        Node::Scalar(field) => released.contains(*field),
        Node::Array(item) => opens(item, released),
        Node::Object(object) => {
            let others = object.others;
            object.record
                || others.is_some_and(|field| released.contains(field))
                || object
                    .members
                    .iter()
                    .any(|member| opens(&member.node, released))
        }
    }
}

fn ids() -> impl Iterator<Item = FieldId> {
    (0..=u16::MAX).map(FieldId)
}
