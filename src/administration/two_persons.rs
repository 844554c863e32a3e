//! The rule for what loosens: two different people, one of them legal, the second never the first.

use jiff::Timestamp;

use super::{Actor, NotDone, Role};
use crate::registry::{PROPOSAL_LIFE_HOURS, Proposal};

/// Whose turn it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// The actor goes first, and somebody else must follow.
    First,
    /// The actor completes what the other proposed.
    Second,
}

/// Judges an actor against what waits already, if anything does.
pub(super) fn turn(waiting: Option<&Proposal>, actor: &Actor) -> Result<Turn, NotDone> {
    let Some(first) = waiting else {
        return Ok(Turn::First);
    };
    if first.actor == *actor.name {
        return Err(NotDone::Mistaken(format!(
            "you asked for this already; it needs another person, within {PROPOSAL_LIFE_HOURS} \
             hours of {}",
            first.time
        )));
    }
    let legal = Role::Legal;
    if actor.role != legal && first.role != legal.word() {
        return Err(NotDone::Mistaken(format!(
            "{} asked for this as {}; the second person must act as legal",
            first.actor, first.role
        )));
    }
    Ok(Turn::Second)
}

/// What the first of two people asks for.
pub(super) fn proposal(
    actor: &Actor,
    act: &str,
    object: String,
    because: String,
    time: Timestamp,
) -> Proposal {
    Proposal {
        act: act.to_owned(),
        object,
        actor: actor.name.to_string(),
        role: actor.role.word().to_owned(),
        because,
        time,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actor(name: &str, role: Role) -> Actor {
        Actor {
            name: name.into(),
            role,
        }
    }

    fn by(actor: &Actor) -> Proposal {
        let (object, because) = ("acme".to_owned(), "solved".to_owned());
        proposal(
            actor,
            "partner.resume",
            object,
            because,
            Timestamp::UNIX_EPOCH,
        )
    }

    #[test]
    fn two_different_people_one_of_them_legal_and_nothing_less() {
        let roles = [Role::Operator, Role::PartnerManager, Role::Legal];
        for (first_role, second_role) in roles.iter().flat_map(|a| roles.map(|b| (*a, b))) {
            let first = by(&actor("Ann", first_role));
            let second = turn(Some(&first), &actor("Bo", second_role));
            let one_is_legal = [first_role, second_role].contains(&Role::Legal);
            assert_eq!(
                second.is_ok(),
                one_is_legal,
                "{first_role} then {second_role}"
            );
            let alone = turn(Some(&first), &actor("Ann", second_role));
            assert!(alone.is_err(), "Ann as {first_role}, then as {second_role}");
        }
        let anyone = turn(None, &actor("Ann", Role::Legal));
        assert!(matches!(anyone, Ok(Turn::First)));
    }
}
