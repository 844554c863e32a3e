//! Our words as Cedar entities: the taxonomy's two trees, the kinds and standings of partners, and
//! the actions. Generated from [`crate::taxonomy`] and [`crate::terms`], so that rules and code cannot
//! mean different things by one word.

use std::collections::{HashMap, HashSet};
use std::str::FromStr;

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression, Schema,
};

use super::circumstances::{Circumstances, Standing};
use crate::taxonomy::{Category, Purpose};
use crate::terms::{Basis, Channel, Form, PartnerKind};

/// Something the rules are asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// May the category leave in this form?
    Disclose(Form),
    /// May an operation of this channel be called?
    Call(Channel),
}

impl Action {
    /// Every action, in order of [`Action::index`].
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let forms = Form::ALL.into_iter().map(Self::Disclose);
        forms.chain(Channel::ALL.into_iter().map(Self::Call))
    }

    /// Its place among all actions.
    pub(super) fn index(self) -> usize {
        match self {
            Self::Disclose(form) => form as usize,
            Self::Call(channel) => Form::ALL.len() + channel as usize,
        }
    }

    /// As in the schema: `disclose.<form>` or `call.<channel>`.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Disclose(form) => format!("disclose.{}", form.word()),
            Self::Call(channel) => format!("call.{}", channel.word()),
        }
    }
}

/// Who asks, what for, which way: all of a question but its category.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    pub(crate) kind: PartnerKind,
    pub(crate) standing: Standing,
    pub(crate) purpose: Purpose,
    pub(crate) channel: Channel,
    pub(crate) circumstances: Circumstances,
}

/// The entity types the schema must declare.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    partner: EntityTypeName,
    partner_kind: EntityTypeName,
    purpose: EntityTypeName,
    category: EntityTypeName,
    basis: EntityTypeName,
    channel: EntityTypeName,
    action: EntityTypeName,
}

impl Vocabulary {
    /// The types, if Cedar accepts their names; it does.
    pub(super) fn new() -> Option<Self> {
        let name = |name| EntityTypeName::from_str(name).ok();
        Some(Self {
            partner: name("Partner")?,
            partner_kind: name("PartnerKind")?,
            purpose: name("Purpose")?,
            category: name("DataCategory")?,
            basis: name("Basis")?,
            channel: name("Channel")?,
            action: name("Action")?,
        })
    }

    /// Every word that the schema must declare: types, attributes, members of enumerations, actions
    /// and their groups.
    pub(super) fn words() -> Vec<String> {
        let names = [
            "Partner",
            "PartnerKind",
            "Purpose",
            "DataCategory",
            "Basis",
            "Channel",
            "good_standing",
            "purpose",
            "channel",
            "basis",
            "own",
            "consented",
            "agreement",
            "order_approved",
            "disclose",
            "disclose.person",
            "call",
        ];
        let kinds = PartnerKind::ALL.map(PartnerKind::word);
        let bases = Basis::ALL.map(Basis::word);
        let channels = Channel::ALL.map(Channel::word);
        let members = kinds.into_iter().chain(bases).chain(channels);
        let plain = names.into_iter().chain(members).map(str::to_owned);
        plain.chain(Action::all().map(Action::name)).collect()
    }

    pub(crate) fn action(&self, action: Action) -> EntityUid {
        uid(&self.action, &action.name())
    }

    pub(super) fn category(&self, category: Category) -> EntityUid {
        uid(&self.category, category.key())
    }

    /// One partner stands for all of its kind and standing: the rules cannot tell them apart.
    pub(super) fn partner(&self, kind: PartnerKind, standing: Standing) -> EntityUid {
        let standing = match standing {
            Standing::Good => "good",
            Standing::Suspended => "suspended",
        };
        uid(&self.partner, &format!("{}.{standing}", kind.word()))
    }

    /// The facts of a question as Cedar's context.
    pub(super) fn context(&self, question: &Question) -> Option<Context> {
        let basis = question.circumstances.basis(question.purpose);
        self.context_with(question, basis)
    }

    /// The same with another basis than the one that follows from the circumstances.
    pub(crate) fn context_with(&self, question: &Question, basis: Basis) -> Option<Context> {
        let circumstances = question.circumstances;
        let entity = |kind, id: &str| RestrictedExpression::new_entity_uid(uid(kind, id));
        let pairs = [
            ("purpose", entity(&self.purpose, question.purpose.key())),
            ("channel", entity(&self.channel, question.channel.word())),
            ("basis", entity(&self.basis, basis.word())),
            ("own", RestrictedExpression::new_bool(circumstances.own)),
            (
                "consented",
                RestrictedExpression::new_bool(circumstances.consented),
            ),
            (
                "agreement",
                RestrictedExpression::new_bool(circumstances.agreement),
            ),
            (
                "order_approved",
                RestrictedExpression::new_bool(circumstances.order),
            ),
        ];
        Context::from_pairs(pairs.map(|(name, value)| (name.to_owned(), value))).ok()
    }

    /// Every entity there is, checked against the schema.
    ///
    /// # Errors
    /// What of the schema does not fit the vocabulary, in Cedar's words.
    pub(super) fn entities(&self, schema: &Schema) -> Result<Entities, String> {
        let purposes = Purpose::all().map(|purpose| {
            let parent = purpose.parent().map(|parent| parent.key());
            node(&self.purpose, purpose.key(), parent)
        });
        let categories = Category::all().map(|category| {
            let parent = category.parent().map(|parent| parent.key());
            node(&self.category, category.key(), parent)
        });
        let mut all: Vec<Entity> = purposes.chain(categories).collect();
        for kind in PartnerKind::ALL {
            all.push(node(&self.partner_kind, kind.word(), None));
            for standing in Standing::ALL {
                let good = RestrictedExpression::new_bool(standing == Standing::Good);
                let attributes = HashMap::from([("good_standing".to_owned(), good)]);
                let parents = HashSet::from([uid(&self.partner_kind, kind.word())]);
                let partner = Entity::new(self.partner(kind, standing), attributes, parents);
                all.push(partner.map_err(|error| error.to_string())?);
            }
        }
        let flat = Basis::ALL
            .map(|basis| node(&self.basis, basis.word(), None))
            .into_iter()
            .chain(Channel::ALL.map(|channel| node(&self.channel, channel.word(), None)));
        all.extend(flat);
        let entities =
            Entities::from_entities(all, Some(schema)).map_err(|error| error.to_string())?;
        Action::all().try_for_each(|action| self.check_groups(action, &entities))?;
        Ok(entities)
    }

    /// An action outside its groups would slip past every forbid that names the group, and no
    /// validator would say so.
    fn check_groups(&self, action: Action, entities: &Entities) -> Result<(), String> {
        let groups: &[&str] = match action {
            Action::Disclose(Form::Aggregate) => &["disclose"],
            Action::Disclose(_) => &["disclose", "disclose.person"],
            Action::Call(_) => &["call"],
        };
        let (uid_of_action, name) = (self.action(action), action.name());
        let outside = groups
            .iter()
            .find(|group| !entities.is_ancestor_of(&uid(&self.action, group), &uid_of_action));
        match outside {
            Some(group) => Err(format!("the action `{name}` must be in `{group}`")),
            None => Ok(()),
        }
    }

    /// Why a literal in a rule means nothing, with the words that would: ids of open types pass
    /// Cedar's validator, and a rule with a misspelt one never applies.
    pub(super) fn fault_of(&self, literal: &EntityUid) -> Option<Fault> {
        let id: &str = literal.id().unescaped();
        let kind = literal.type_name();
        if *kind == self.purpose && Purpose::parse(id).is_none() {
            Some(Fault {
                message: format!("`{id}` is not a purpose"),
                valid: Purpose::all().map(Purpose::key).collect(),
            })
        } else if *kind == self.category && Category::parse(id).is_none() {
            Some(Fault {
                message: format!("`{id}` is not a data category"),
                valid: Category::all().map(Category::key).collect(),
            })
        } else if *kind == self.partner {
            Some(Fault {
                message: "promises hold for all partners; name a PartnerKind".to_owned(),
                valid: Vec::new(),
            })
        } else {
            None
        }
    }
}

/// Why a literal means nothing.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) message: String,
    pub(super) valid: Vec<&'static str>,
}

fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

fn node(kind: &EntityTypeName, id: &str, parent: Option<&str>) -> Entity {
    let parents = parent.map(|parent| uid(kind, parent)).into_iter().collect();
    Entity::new_no_attrs(uid(kind, id), parents)
}
