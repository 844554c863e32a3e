//! Whether the figures of an answer can be judged: each group of customers says how many they are, and
//! nothing in it is about fewer of them; figures outside of groups say the same for all together.

use super::document::Origin;
use super::shape::{Field, FieldRole, Node};

/// What is wrong with a group at `path` that has these fields.
pub(super) fn mistakes_of_group(fields: &[Field], path: &str, is_for_figures: bool) -> Vec<String> {
    let mut found = Vec::new();
    if !is_for_figures {
        found.push("only an operation of the channel `aggregate` has groups".to_owned());
        return found;
    }
    let sizes = fields
        .iter()
        .filter(|field| field.role == FieldRole::GroupSize);
    match sizes.clone().count() {
        1 => {}
        0 => found.push(
            "a group that does not say how many customers it is: mark the whole number that counts \
             different customers with `x-covenant-group-size`"
                .to_owned(),
        ),
        _ => found.push("a group that says twice how many customers it is".to_owned()),
    }
    if path.matches("[*]").count() != 1 || !path.ends_with("[*]") {
        found.push(
            "a group stands in one list of groups, of which it can be left out: neither alone nor in a \
             list of lists"
                .to_owned(),
        );
    }
    let within = |field: &&Field| {
        let within = field.path.strip_prefix(path).unwrap_or_default();
        within.contains("[*]") && counts(field)
    };
    if let Some(finer) = fields.iter().find(within) {
        found.push(format!(
            "`{}` is a figure in a list within the group, about fewer customers than the group",
            finer.path
        ));
    }
    found.extend(sizes.filter_map(uncounted));
    found
}

/// What is wrong with fields that stand in no group, each with where it stands; or with the answer.
pub(super) fn mistakes_of_totals<'a>(
    loose: &[(&Field, &'a Origin)],
    is_for_figures: bool,
    lists: usize,
) -> Vec<(Option<&'a Origin>, String)> {
    let mut found = Vec::new();
    let mut sizes = 0;
    for (field, place) in loose {
        let is_size = field.role == FieldRole::GroupSize;
        sizes += usize::from(is_size);
        if is_size && !is_for_figures {
            let message =
                "only an operation of the channel `aggregate` counts customers of a group";
            found.push((Some(*place), message.to_owned()));
        } else if is_size && sizes > 1 {
            let message = "a second number of all customers together";
            found.push((Some(*place), message.to_owned()));
        }
        if is_for_figures && counts(field) && field.path.contains("[*]") {
            let message = format!(
                "`{}` is a figure in a list that stands in no group: mark the object that is one group \
                 with `x-covenant-group`",
                field.path
            );
            found.push((Some(*place), message));
        }
        if is_size && let Some(message) = uncounted(field) {
            found.push((Some(*place), message));
        }
    }
    let counted = loose.iter().any(|(field, _)| counts(field));
    if is_for_figures && counted && lists == 0 && sizes == 0 {
        let message = "figures about customers that do not say about how many: mark the object that is \
                       one group with `x-covenant-group`, and the number of its customers with \
                       `x-covenant-group-size`";
        found.push((None, message.to_owned()));
    }
    if lists > 1 {
        let message = "several lists of groups in one answer: what one list holds back, sums over another \
                       would tell";
        found.push((None, message.to_owned()));
    }
    found
}

/// How many lists of groups an answer can hold.
pub(super) fn lists(node: &Node) -> usize {
    match node {
        Node::Scalar(_) => 0,
        Node::Array(item) => lists(item),
        Node::Object(object) => {
            let below = object.members.iter().map(|member| lists(&member.node));
            usize::from(object.group) + below.sum::<usize>()
        }
    }
}

fn counts(field: &Field) -> bool {
    field.is_personal() || field.role == FieldRole::GroupSize
}

/// A number of customers is a figure about them: as anything else it would leave where they are few.
fn uncounted(size: &Field) -> Option<String> {
    let neutral = size.category.is_some() && !size.is_personal();
    neutral.then(|| {
        format!(
            "`{}` counts customers, so its category lies below `user`, or it has none",
            size.path
        )
    })
}
