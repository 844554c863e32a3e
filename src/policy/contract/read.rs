//! Reads one contract from its file. Everything that can be said of one contract by itself is
//! checked here; what concerns several is `policy/load.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::ToSpan as _;
use jiff::civil::Date;

use super::super::references::References;
use super::{
    AcceptedTerms, BASIC, BINDINGS, Budgets, Contract, Credentials, EndingCertificate, Exception,
    folded,
};
use crate::identity::api_key::{self, ApiKeyRecord};
use crate::identity::binding::Bindings;
use crate::mistakes::Mistakes;
use crate::source::{Fields, Node, Source, Span, read_yaml};
use crate::taxonomy::{CATEGORY_COUNT, Category, Purpose};
use crate::terms::{Form, FormSet, PartnerId, PartnerKind, Thumbprint};

/// Largest page a contract may grant, in records.
pub(super) const PAGE_RECORDS_MAX: u32 = 1_000;
/// Largest answer without pages that a contract may grant, in records.
pub(super) const LARGE_ANSWER_RECORDS_MAX: u32 = 10_000_000;
/// Highest request rate a contract may grant: a thousand a second.
pub(super) const REQUESTS_PER_MINUTE_MAX: u32 = 60_000;
/// How far ahead an exception may end, in days: at least once a year somebody looks at it again.
const EXCEPTION_DAYS_MAX: i64 = 366;
/// How many people approve an exception, as it loosens a limit.
pub(super) const APPROVERS_MIN: usize = 2;
/// How far ahead the last day of a certificate may be that another takes the place of, in days.
pub const OVERLAP_DAYS_MAX: i64 = 92;
/// The word for a category that does not leave at all.
pub(super) const WITHHELD: &str = "withheld";

/// A contract as it was read, with the places that checks between contracts report.
#[derive(Debug)]
pub(in super::super) struct Draft {
    pub(in super::super) source: Arc<Source>,
    pub(in super::super) contract: Contract,
    pub(in super::super) parent_span: Span,
    pub(in super::super) purpose_spans: Vec<(Purpose, Span)>,
    pub(in super::super) operation_spans: Vec<(Arc<str>, Span)>,
    /// In the order of [`Credentials::each`].
    pub(in super::super) credential_spans: Vec<Span>,
}

impl Draft {
    /// What it refers to.
    pub(in super::super) fn references(&self) -> References {
        References {
            kind: Some(self.contract.kind),
            purposes: self.purpose_spans.clone(),
            operations: self.operation_spans.clone(),
        }
    }
}

/// Reads the contract in `source`; what is wrong with it becomes mistakes.
///
/// Days are judged from `today`: an exception ends within a year, and nobody has accepted terms
/// tomorrow.
pub(in super::super) fn read(
    source: &Arc<Source>,
    today: Date,
    mistakes: &mut Mistakes,
) -> Option<Draft> {
    let before = mistakes.len();
    let node = read_yaml(source, mistakes)?;
    let read = |fields: &mut Fields<'_, '_>| contract(fields, today);
    let draft = Fields::read(source, &node, mistakes, read)?;
    (mistakes.len() == before).then_some(draft)
}

/// Every key is read before any `?`, so that all mistakes of a file are found in one run.
fn contract(fields: &mut Fields<'_, '_>, today: Date) -> Option<Draft> {
    let source = Arc::clone(fields.source());
    let partner = partner(fields, &source);
    let name = fields.text("name");
    let address = fields.text("address");
    let kind = kind(fields);
    let (parent, parent_span) = parent(fields, kind);
    let version = fields.integer("version", 1..=u32::MAX);
    let mut credential_spans = Vec::new();
    let credentials = fields.mapping("credentials", |fields| {
        credentials(fields, today, &mut credential_spans)
    });
    let purpose_spans = purposes(fields);
    let categories = fields.required("categories");
    let categories = categories.and_then(|node| categories_of(fields, node));
    let operation_spans = operations(fields);
    let page_records_max = fields.integer("page_records_max", 1..=PAGE_RECORDS_MAX);
    let large_answer_records_max =
        fields.optional_integer("large_answer_records_max", 1..=LARGE_ANSWER_RECORDS_MAX);
    let requests_per_minute = fields.integer("requests_per_minute", 1..=REQUESTS_PER_MINUTE_MAX);
    let budgets = fields.mapping("budgets", budgets);
    let terms = fields.mapping("terms", |fields| terms(fields, today));
    let exceptions = exceptions(fields, today);
    Some(Draft {
        source,
        contract: Contract {
            partner: partner?,
            name: name?.into(),
            address: address?.into(),
            kind: kind?,
            parent,
            version: version?,
            credentials: credentials?,
            purposes: purpose_spans.iter().map(|(purpose, _)| *purpose).collect(),
            categories: categories?,
            operations: Arc::new(operation_spans.iter().map(|(id, _)| id.clone()).collect()),
            page_records_max: page_records_max?,
            large_answer_records_max,
            requests_per_minute: requests_per_minute?,
            budgets: budgets?,
            terms: terms?,
            exceptions,
        },
        parent_span,
        purpose_spans,
        operation_spans,
        credential_spans,
    })
}

fn partner(fields: &mut Fields<'_, '_>, source: &Source) -> Option<PartnerId> {
    let node = fields.required("partner")?;
    let text = node.as_text().unwrap_or_default();
    let stem = source.path().file_stem().and_then(|stem| stem.to_str());
    let id = PartnerId::parse(text);
    if id.is_none() {
        let message =
            "a partner's id is 1 to 64 lower-case letters, digits and `-`, a letter first";
        fields.mistake(node.span, message);
    } else if stem != Some(text) {
        let message = format!("the contract of `{text}` must be in the file `{text}.yaml`");
        fields.mistake(node.span, message);
    }
    id
}

fn kind(fields: &mut Fields<'_, '_>) -> Option<PartnerKind> {
    let word = fields.one_of("kind", &PartnerKind::ALL.map(PartnerKind::word))?;
    let mut kinds = PartnerKind::ALL.into_iter();
    kinds.find(|kind| kind.word() == word)
}

fn parent(fields: &mut Fields<'_, '_>, kind: Option<PartnerKind>) -> (Option<PartnerId>, Span) {
    let node = fields.optional("parent");
    let span = node.map_or(fields.span(), |node| node.span);
    let parent = node.and_then(Node::as_text).and_then(PartnerId::parse);
    let is_cobrand = kind == Some(PartnerKind::Cobrand);
    if node.is_some() && parent.is_none() {
        fields.mistake(span, "`parent` must be the id of another partner");
    } else if is_cobrand && node.is_none() {
        fields.mistake(span, "a cobrand names its `parent`");
    } else if kind.is_some() && !is_cobrand && node.is_some() {
        fields.mistake(span, "only a cobrand has a `parent`");
    }
    (parent, span)
}

fn credentials(
    fields: &mut Fields<'_, '_>,
    today: Date,
    places: &mut Vec<Span>,
) -> Option<Credentials> {
    let clients = fields.optional_texts("clients");
    let certificates = fields.mapping("certificates", |fields| {
        let names = fields.optional_texts("names");
        let thumbprints = fields.optional_texts("thumbprints");
        if names.is_empty() && thumbprints.is_empty() {
            let message = "at least one certificate is needed, by `names` or `thumbprints`";
            fields.mistake(fields.span(), message);
        }
        let parsed: Vec<Thumbprint> = thumbprints
            .iter()
            .filter_map(|(text, span)| thumbprint(fields, text, *span))
            .collect();
        let certificates = names.iter().chain(&thumbprints);
        places.extend(certificates.map(|(_, span)| *span));
        let items = fields.optional_list("ending");
        let read = |item| fields.nested(item, |fields| ending(fields, today));
        let ending: Vec<EndingCertificate> = items.iter().filter_map(read).collect();
        places.extend(items.iter().map(|item| item.span));
        Some((names, parsed, ending))
    });
    let bindings = bindings(fields);
    let basic = fields.optional("token_in_basic").is_some();
    let words = BASIC.map(|(word, _)| word);
    let basic = basic
        .then(|| fields.one_of("token_in_basic", &words))
        .flatten();
    let basic = BASIC.iter().find(|(word, _)| Some(*word) == basic);
    places.extend(clients.iter().map(|(_, span)| *span));
    let api_keys = api_keys(fields, places);
    let said = fields.optional("clients").is_some();
    if clients.is_empty() && (said || api_keys.is_empty()) {
        fields.mistake(fields.span(), "at least one of `clients` is needed");
    }
    for (client, span) in &clients {
        if api_key::is_prefix(client) {
            fields.mistake(*span, "a client is not called like an API key");
        }
    }
    let (names, certificate_thumbprints, ending) = certificates?;
    Some(Credentials {
        certificate_thumbprints,
        ending,
        certificate_names: names.iter().map(|(name, _)| folded(name).into()).collect(),
        clients: clients.iter().map(|(id, _)| Arc::from(*id)).collect(),
        bindings,
        basic: basic.map(|(_, carrier)| *carrier),
        api_keys,
    })
}

/// A client certificate, where nothing is said.
fn bindings(fields: &mut Fields<'_, '_>) -> Bindings {
    let Some(node) = fields.optional("token_bindings") else {
        return Bindings::default();
    };
    let named = fields.texts("token_bindings");
    if named.is_empty() {
        fields.mistake(node.span, "`token_bindings` must name at least one");
    }
    for (place, (word, span)) in named.iter().enumerate() {
        let source = Arc::clone(fields.source());
        if !BINDINGS.contains(word) {
            let message = format!("`{word}` is not what a token can be bound to");
            let mistakes = fields.mistakes();
            mistakes.add_unknown(&source, *span, message, word, BINDINGS);
        } else if named.iter().take(place).any(|(other, _)| other == word) {
            fields.mistake(*span, format!("`{word}` is there already"));
        }
    }
    let has = |word: &str| named.iter().any(|(one, _)| *one == word);
    Bindings {
        certificate: has("certificate"),
        dpop: has("dpop"),
        none: has("none"),
    }
}

fn api_keys(fields: &mut Fields<'_, '_>, places: &mut Vec<Span>) -> Vec<ApiKeyRecord> {
    let mut keys = Vec::new();
    for item in fields.optional_list("api_keys") {
        let key = fields.nested(item, |fields| {
            let (prefix, sha256) = (fields.text("prefix"), fields.text("sha256"));
            let key = ApiKeyRecord::parse(prefix?, sha256?);
            if key.is_none() {
                let message = "an API key is a `prefix` and a `sha256`, as `covenant token api-key` prints them";
                fields.mistake(fields.span(), message);
            }
            key
        });
        if let Some(key) = key {
            places.push(item.span);
            keys.push(key);
        }
    }
    keys
}

fn thumbprint(fields: &mut Fields<'_, '_>, text: &str, span: Span) -> Option<Thumbprint> {
    let digits = text.strip_prefix("sha256:");
    let parsed = digits.and_then(Thumbprint::from_base64url);
    if parsed.is_none() {
        let message = "a thumbprint is `sha256:` and 43 characters of base64url";
        fields.mistake(span, message);
    }
    parsed
}

/// A certificate that another takes the place of.
fn ending(fields: &mut Fields<'_, '_>, today: Date) -> Option<EndingCertificate> {
    let text = fields.text("thumbprint");
    let place = place_of(fields, "thumbprint");
    let thumbprint = text.and_then(|text| thumbprint(fields, text, place));
    let until = fields.date("until");
    let last = today.saturating_add(OVERLAP_DAYS_MAX.days());
    if until.is_some_and(|until| until > last) {
        let place = place_of(fields, "until");
        let message = format!(
            "two certificates overlap for at most {OVERLAP_DAYS_MAX} days: write {last} or earlier"
        );
        fields.mistake(place, message);
    }
    Some(EndingCertificate {
        thumbprint: thumbprint?,
        until: until?,
    })
}

fn purposes(fields: &mut Fields<'_, '_>) -> Vec<(Purpose, Span)> {
    let mut found: Vec<(Purpose, Span)> = Vec::new();
    for (text, span) in fields.texts("purposes") {
        let source = Arc::clone(fields.source());
        match Purpose::parse(text) {
            Some(purpose) if found.iter().any(|(known, _)| *known == purpose) => {
                fields.mistake(span, format!("`{text}` is there already"));
            }
            Some(purpose) => found.push((purpose, span)),
            None => fields.mistakes().add_unknown(
                &source,
                span,
                format!("`{text}` is not a purpose"),
                text,
                Purpose::all().map(Purpose::key),
            ),
        }
    }
    found
}

/// A category not named has the forms of the nearest ancestor that is.
fn categories_of(
    fields: &mut Fields<'_, '_>,
    node: &Node,
) -> Option<Arc<[FormSet; CATEGORY_COUNT]>> {
    if !node.is_mapping() {
        let message = format!("`categories` must be a mapping, not {}", node.kind());
        fields.mistake(node.span, message);
        return None;
    }
    let source = Arc::clone(fields.source());
    let mut named: BTreeMap<Category, FormSet> = BTreeMap::new();
    for (key, value) in node.entries() {
        let category = Category::parse(&key.name);
        if category.is_none() {
            let message = format!("`{}` is not a data category", key.name);
            let valid = Category::all().map(Category::key);
            fields
                .mistakes()
                .add_unknown(&source, key.span, message, &key.name, valid);
        }
        let word = value.as_text().unwrap_or_default();
        let forms = forms_up_to(word);
        if forms.is_none() {
            let message = format!(
                "`{}` is clear, partial, pseudonym, aggregate or withheld",
                key.name
            );
            let valid = Form::ALL.map(Form::word).into_iter().chain([WITHHELD]);
            fields
                .mistakes()
                .add_unknown(&source, value.span, message, word, valid);
        }
        if let (Some(category), Some(forms)) = (category, forms) {
            named.insert(category, forms);
        }
    }
    let mut table = [FormSet::NONE; CATEGORY_COUNT];
    for (slot, category) in table.iter_mut().zip(Category::all()) {
        let line = std::iter::successors(Some(category), |category| category.parent());
        let nearest = line.filter_map(|ancestor| named.get(&ancestor)).next();
        *slot = nearest.copied().unwrap_or(FormSet::NONE);
    }
    Some(Arc::new(table))
}

/// A contract's word is the richest form it allows; poorer ones come with it.
fn forms_up_to(word: &str) -> Option<FormSet> {
    if word == WITHHELD {
        return Some(FormSet::NONE);
    }
    let richest = Form::parse(word)?;
    Some(
        Form::ALL
            .into_iter()
            .filter(|form| *form >= richest)
            .collect(),
    )
}

fn operations(fields: &mut Fields<'_, '_>) -> Vec<(Arc<str>, Span)> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for (text, span) in fields.texts("operations") {
        if seen.insert(text) {
            found.push((Arc::from(text), span));
        } else {
            fields.mistake(span, format!("`{text}` is there already"));
        }
    }
    found
}

fn budgets(fields: &mut Fields<'_, '_>) -> Option<Budgets> {
    let day = fields.integer("customers_per_day", 1..=Budgets::PEOPLE_MAX);
    let month = fields.integer("customers_per_month", 1..=Budgets::PEOPLE_MAX);
    let recipients_per_day = fields.optional_integer("recipients_per_day", 1..=Budgets::PEOPLE_MAX);
    let recipients_per_month =
        fields.optional_integer("recipients_per_month", 1..=Budgets::PEOPLE_MAX);
    check_windows(fields, "customers_per_day", day.zip(month));
    let recipients = recipients_per_day.zip(recipients_per_month);
    check_windows(fields, "recipients_per_day", recipients);
    Some(Budgets {
        customers_per_day: day?,
        customers_per_month: month?,
        recipients_per_day,
        recipients_per_month,
    })
}

/// A day has no room for more than its month.
fn check_windows(fields: &mut Fields<'_, '_>, key: &'static str, windows: Option<(u32, u32)>) {
    if let Some((day, month)) = windows.filter(|(day, month)| day > month) {
        let message = format!(
            "the budget of a day, {day}, is larger than that of a month, {month}: write a smaller \
             `{key}`"
        );
        let place = place_of(fields, key);
        fields.mistake(place, message);
    }
}

fn terms(fields: &mut Fields<'_, '_>, today: Date) -> Option<AcceptedTerms> {
    let version = fields.text("version");
    let on = fields.date("accepted_on");
    if on.is_some_and(|on| on > today) {
        let place = place_of(fields, "accepted_on");
        let message = format!(
            "`accepted_on` is after today, {today}: write the day on which the terms were accepted"
        );
        fields.mistake(place, message);
    }
    let by = fields.text("accepted_by");
    Some(AcceptedTerms {
        version: version?.into(),
        on: on?,
        by: by?.into(),
    })
}

/// Where the value of `name` stands; where it is missing, the mapping.
fn place_of(fields: &mut Fields<'_, '_>, name: &'static str) -> Span {
    let node = fields.optional(name);
    node.map_or(fields.span(), |node| node.span)
}

fn exceptions(fields: &mut Fields<'_, '_>, today: Date) -> Vec<Exception> {
    let items = fields.optional_list("exceptions");
    let read = |item| fields.nested(item, |fields| exception(fields, today));
    items.iter().filter_map(read).collect()
}

fn exception(fields: &mut Fields<'_, '_>, today: Date) -> Option<Exception> {
    let because = fields.text("because");
    let until = fields.date("until");
    let last = today.saturating_add(EXCEPTION_DAYS_MAX.days());
    if until.is_some_and(|until| until > last) {
        let place = place_of(fields, "until");
        let message = format!(
            "an exception ends within {EXCEPTION_DAYS_MAX} days: write {last} or earlier, and \
             renew it then if it is still needed"
        );
        fields.mistake(place, message);
    }
    let approved_by = fields.texts("approved_by");
    check_approvers(fields, &approved_by);
    let budgets = fields.optional_mapping("budgets", budgets);
    let page_records_max = fields.optional_integer("page_records_max", 1..=PAGE_RECORDS_MAX);
    if budgets.is_none() && page_records_max.is_none() {
        let message = "an exception changes `budgets` or `page_records_max`";
        fields.mistake(fields.span(), message);
    }
    Some(Exception {
        because: because?.into(),
        until: until?,
        approved_by: approved_by
            .iter()
            .map(|(name, _)| Arc::from(*name))
            .collect(),
        budgets,
        page_records_max,
    })
}

/// Two people at least, each named once: case and spaces around a name tell nobody apart.
fn check_approvers(fields: &mut Fields<'_, '_>, approved_by: &[(&str, Span)]) {
    let mut seen = BTreeSet::new();
    for (name, span) in approved_by {
        if !seen.insert(name.trim().to_lowercase()) {
            let message = format!("`{name}` is there already; name somebody else");
            fields.mistake(*span, message);
        }
    }
    if seen.len() < APPROVERS_MIN {
        let place = place_of(fields, "approved_by");
        let message = format!(
            "an exception names {APPROVERS_MIN} different people who approved it, as in `[Hannah \
             Osei, Marek Dvorak]`"
        );
        fields.mistake(place, message);
    }
}
