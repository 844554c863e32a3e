//! What a survey amounts to: proposals for an overlay, each a line that a person may take, in groups
//! under the operation or object that they are about.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};

use super::super::empty;
use super::calls::{Call, thing};
use super::contents::nameless;
use super::guess::{self, Confidence, Guess, Seen};
use super::survey::{Field, Survey};
use super::{FieldDraft, OperationDraft};
use crate::taxonomy::Category;
use crate::terms::Channel;

/// What a page size may be at most where the document does not say: a start for whoever decides.
const PAGE_RECORDS_MAX: u32 = 100;

/// Most words of an enumeration that are shown to choose from.
const WORDS_SHOWN_MAX: usize = 8;

/// Lines under a heading.
pub(super) struct Group {
    pub(super) heading: String,
    pub(super) proposals: Vec<Proposal>,
}

/// One line of the overlay, if it is taken.
pub(super) struct Proposal {
    /// What there is to decide, and what the guess rests on.
    pub(super) about: String,
    /// Target and update; without one there is only the remark.
    pub(super) action: Option<(String, Map<String, Json>)>,
}

/// All of a document.
pub(super) struct Proposals {
    pub(super) groups: Vec<Group>,
    pub(super) operations: Vec<OperationDraft>,
    pub(super) fields: Vec<FieldDraft>,
}

impl Proposals {
    pub(super) fn of<'a>(survey: &mut Survey<'a>, calls: &[Call<'a>]) -> Self {
        let answered: Vec<Vec<usize>> = calls.iter().map(|call| answers(survey, call)).collect();
        let mut proposals = Self {
            groups: Vec::new(),
            operations: Vec::new(),
            fields: Vec::new(),
        };
        let mut ids = BTreeSet::new();
        for (call, objects) in calls.iter().zip(&answered) {
            proposals.operation(survey, call, objects, &mut ids);
        }
        proposals.deciding(survey, calls);
        for object in 0..survey.objects.len() {
            proposals.object(survey, object);
        }
        proposals.recipients(survey);
        proposals.uncarried(survey);
        proposals
    }

    fn operation<'a>(
        &mut self,
        survey: &Survey<'a>,
        call: &Call<'a>,
        objects: &[usize],
        ids: &mut BTreeSet<String>,
    ) {
        let (channel, reason) = call.channel(survey);
        let given = call.id.filter(|id| !ids.contains(*id)).map(str::to_owned);
        let id_is_made = given.is_none();
        let id = given.unwrap_or_else(|| unused(call.made_id(), ids));
        ids.insert(id.clone());
        let mut update = Map::new();
        if id_is_made {
            update.insert("operationId".to_owned(), json!(id));
        }
        update.insert("x-covenant-channel".to_owned(), json!(channel.word()));
        let created = call
            .creates()
            .filter(|kind| channel == Channel::Write && holds_id(survey, objects, kind));
        if let Some(kind) = created {
            update.insert("x-covenant-creates".to_owned(), json!(kind));
        }
        let about = format!(
            "decide its channel; looks like {}: {reason}",
            channel.word()
        );
        let mut proposals = vec![propose(about, survey.target(&call.pointer), update)];
        let uninspectable = bodies(survey, call, channel, created, &mut proposals);
        proposals.extend(names_in_xml(survey, call));
        let (method, path) = (call.method.clone(), call.path.clone());
        self.groups.push(Group {
            heading: format!("{method} {path} ({id})"),
            proposals,
        });
        self.operations.push(OperationDraft {
            method,
            path,
            id,
            id_is_made,
            channel,
            reason,
            uninspectable,
        });
    }

    /// Parameters and members of requests that decide something, each place once.
    fn deciding(&mut self, survey: &Survey<'_>, calls: &[Call<'_>]) {
        let mut seen = BTreeSet::new();
        let mut proposals = Vec::new();
        for call in calls {
            let found = call
                .parameters(survey)
                .into_iter()
                .chain(call.members(survey));
            for decides in found {
                if !seen.insert(decides.pointer.clone()) {
                    continue;
                }
                let (name, role) = (&decides.name, decides.role);
                let mut about = format!("decide whether it is the {role} (name `{name}`)");
                let mut update = Map::new();
                if role == "include" && decides.unbounded {
                    let about = format!(
                        "decide whether `{name}` asks for more: the document does not list what for \
                         (`enum`), and only what is listed could be asked"
                    );
                    proposals.push(remark(about));
                    continue;
                }
                if role == "page-size" && decides.unbounded {
                    about.push_str("; the document names no largest page, so name one");
                    let most = json!({"maximum": PAGE_RECORDS_MAX});
                    update.insert("schema".to_owned(), most);
                }
                update.insert("x-covenant-role".to_owned(), json!(role));
                proposals.push(propose(about, survey.target(&decides.pointer), update));
            }
        }
        self.group(
            "parameters and members of requests that decide something",
            proposals,
        );
    }

    fn object(&mut self, survey: &Survey<'_>, index: usize) {
        let Some(object) = survey.objects.get(index) else {
            return;
        };
        let fields: Vec<(&Field<'_>, Guess)> = object
            .fields
            .iter()
            .filter_map(|field| survey.fields.get(*field))
            .map(|field| (field, guessed(field, &object.name)))
            .collect();
        if fields.is_empty() {
            return;
        }
        let mut proposals = Vec::new();
        let key = fields.iter().find(|(_, guess)| guess.customer_key);
        let personal = fields.iter().any(|(_, guess)| is_personal(guess));
        if let Some((key, _)) = key {
            let about = format!(
                "decide whether each belongs to one customer, whose id is `{}`",
                key.name
            );
            let update = one("x-covenant-record", json!(true));
            proposals.push(propose(about, survey.target(&object.pointer), update));
        } else if personal {
            let about = "decide whose it is: it looks personal, and no field of its own looks like a \
                         customer's id; what is personal is released within a record only";
            proposals.push(remark(about.to_owned()));
        }
        let mut keys = 0;
        for (field, mut guess) in fields {
            if guess.customer_key {
                keys += 1;
                guess.customer_key = keys == 1 && field.may_be_id && !field.in_list;
            }
            let target = survey.target(&field.pointer);
            proposals.push(proposal(field, &object.name, &guess, target.clone()));
            self.fields.push(FieldDraft {
                target,
                category: guess.category,
                confidence: guess.confidence,
                reason: guess.reason,
            });
        }
        let heading = format!("{}: fields of answers", object.name);
        self.group(&heading, proposals);
    }

    fn recipients(&mut self, survey: &Survey<'_>) {
        let update = || one("x-covenant-data-subject", json!("recipient"));
        let about = "decide whether it is about someone who gets mail, and not about the customer";
        let proposals = survey.recipients.iter();
        let proposals = proposals
            .map(|pointer| propose(about.to_owned(), survey.target(pointer), update()))
            .collect();
        self.group("recipients of mail", proposals);
    }

    fn uncarried(&mut self, survey: &Survey<'_>) {
        let proposals = survey.uncarried.iter().map(|one| {
            let what = if one.free_map && one.required {
                "required, so its operations open only when its members are named here \
                 (`properties`); others are dropped"
            } else if one.required {
                "required, so its operations cannot be opened"
            } else {
                "left out of every answer"
            };
            remark(format!("{}: {}; {what}", one.target, one.reason))
        });
        let proposals = proposals.collect();
        self.group("what no filter carries", proposals);
    }

    fn group(&mut self, heading: &str, proposals: Vec<Proposal>) {
        if !proposals.is_empty() {
            self.groups.push(Group {
                heading: heading.to_owned(),
                proposals,
            });
        }
    }
}

/// What there is to decide about contents that no filter reads; gives those that nothing can read. An
/// uploaded list or document passes unopened, and is not among them.
fn bodies<'a>(
    survey: &Survey<'a>,
    call: &Call<'a>,
    channel: Channel,
    created: Option<&str>,
    proposals: &mut Vec<Proposal>,
) -> Vec<String> {
    let mut uninspectable = Vec::new();
    for content in call.unread(survey) {
        let media_type = &content.media_type;
        if !content.may_pass_unopened() {
            proposals.push(remark(format!(
                "answers with {media_type}, which a filter reads once its schema says what is in it; until \
                 then nothing of it leaves"
            )));
            uninspectable.push(format!(
                "answers with {media_type} of which no schema says what is in it"
            ));
        } else if channel == Channel::Document {
            let target = survey.target(&content.place.0);
            let about = format!(
                "decide whether {media_type} may pass unopened, to whoever may read private content"
            );
            let update = one("x-covenant-data-category", json!("user.content.private"));
            proposals.push(propose(about, target, update));
        } else {
            let what = format!("answers with {media_type}");
            proposals.push(remark(format!("{what}: no filter reads that")));
            uninspectable.push(what);
        }
    }
    if !matches!(created, Some("list" | "document"))
        && let Some(media_type) = call.uninspectable_request(survey)
    {
        let what = format!("takes {media_type}");
        proposals.push(remark(format!("{what}: no filter reads that")));
        uninspectable.push(what);
    }
    uninspectable
}

/// What an XML answer lacks to be read.
fn names_in_xml<'a>(survey: &Survey<'a>, call: &Call<'a>) -> Vec<Proposal> {
    let mut proposals = Vec::new();
    for read in call.schemas(survey).iter().filter(|read| read.in_xml) {
        for pointer in nameless(survey, &read.schema) {
            proposals.push(remark(format!(
                "{}: nothing says what this element is called; say it with `xml: {{name: …}}`, or its \
                 operation cannot be opened",
                survey.target(&pointer)
            )));
        }
    }
    proposals
}

/// The objects that an operation's answers are.
fn answers<'a>(survey: &mut Survey<'a>, call: &Call<'a>) -> Vec<usize> {
    let schemas = call.schemas(survey).into_iter().map(|read| read.schema);
    schemas
        .flat_map(|(pointer, part)| survey.answer(&pointer, part, "answer"))
        .collect()
}

fn unused(name: String, ids: &BTreeSet<String>) -> String {
    let numbered = (2..).map(|number| format!("{name}{number}"));
    let mut candidates = std::iter::once(name.clone()).chain(numbered);
    candidates.find(|id| !ids.contains(id)).unwrap_or(name)
}

/// Whether one of the objects has the id of such a thing.
fn holds_id(survey: &Survey<'_>, objects: &[usize], kind: &str) -> bool {
    let objects = objects
        .iter()
        .filter_map(|index| survey.objects.get(*index));
    let mut named = objects.filter(|object| thing(&object.name) == Some(kind));
    named.any(|object| {
        let fields = object
            .fields
            .iter()
            .filter_map(|index| survey.fields.get(*index));
        fields.filter(|field| is_own_id(field)).count() == 1
    })
}

fn is_own_id(field: &Field<'_>) -> bool {
    guess::words(&field.name) == "id" && field.may_be_id && !field.in_list
}

fn guessed(field: &Field<'_>, holder: &str) -> Guess {
    guess::guess(Seen {
        name: &field.name,
        holder,
        format: field.format,
        description: field.description,
        fixed: !field.words.is_empty(),
    })
}

fn is_personal(guess: &Guess) -> bool {
    let user = Category::parse("user");
    let within = |category: Category| user.is_some_and(|user| category.is_within(user));
    guess.category.is_some_and(within)
}

fn proposal(field: &Field<'_>, holder: &str, guess: &Guess, target: String) -> Proposal {
    let mut update = Map::new();
    if let Some(category) = guess.category {
        update.insert("x-covenant-data-category".to_owned(), json!(category.key()));
    }
    let thing = thing(holder).filter(|thing| *thing != "customer" && is_own_id(field));
    if guess.customer_key {
        update.insert("x-covenant-customer-key".to_owned(), json!(true));
    } else if let Some(thing) = thing {
        update.insert("x-covenant-resource-id".to_owned(), json!(thing));
    }
    let mut about = match guess.confidence {
        Confidence::None => format!("withheld: {}", guess.reason),
        _ => format!("decide: {}", guess.reason),
    };
    // One value alone stands there anyway.
    if field.needed && field.words.len() > 1 {
        about
            .push_str("; it must be there, so decide which value stands there when it is withheld");
        match empty::nothing(&field.words) {
            Some(word) => {
                update.insert("x-covenant-empty".to_owned(), word.clone());
            }
            None => about.push_str(&choice(&field.words)),
        }
    }
    if update.is_empty() {
        return remark(format!("{target} {about}"));
    }
    propose(about, target, update)
}

/// That a person must choose, where each word says something of someone.
fn choice(words: &[Json]) -> String {
    let shown = words.iter().take(WORDS_SHOWN_MAX).map(Json::to_string);
    let shown: Vec<String> = shown.collect();
    let more = if words.len() > shown.len() {
        ", …"
    } else {
        ""
    };
    format!(
        " (`x-covenant-empty`): each says something, so none is proposed: {}{more}",
        shown.join(", ")
    )
}

fn propose(about: String, target: String, update: Map<String, Json>) -> Proposal {
    Proposal {
        about,
        action: Some((target, update)),
    }
}

fn remark(about: String) -> Proposal {
    Proposal {
        about,
        action: None,
    }
}

fn one(key: &str, value: Json) -> Map<String, Json> {
    Map::from_iter([(key.to_owned(), value)])
}
