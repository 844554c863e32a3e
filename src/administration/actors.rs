//! Who someone at the socket is: the operating-system user the kernel names (`SO_PEERCRED`), mapped
//! to a person and their roles by `covenant.toml`, as PostgreSQL's `peer` does.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::{Actor, Deed, Role};

/// Operating-system users and what they are here.
#[derive(Clone, Debug, Default)]
pub struct Actors {
    users: BTreeMap<String, Person>,
}

#[derive(Clone, Debug)]
struct Person {
    name: Arc<str>,
    /// The first is the default.
    roles: Vec<Role>,
}

/// One row of the mapping: this user is this person, and may act in this role.
#[derive(Clone, Debug)]
pub struct Mapped {
    /// The operating-system user; `uid:1001` for one without an entry in `/etc/passwd`.
    pub user: String,
    /// The person's name, as it stands in entries.
    pub name: String,
    /// A role of theirs.
    pub role: Role,
}

/// One user stands for two people, who could then act as each other's second.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("user `{user}` is mapped to both `{first}` and `{second}`; one user is one person")]
pub struct TwoNames {
    user: String,
    first: String,
    second: String,
}

/// A user may not act, or not in this role.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnActor {
    /// Nobody mapped the user.
    #[error(
        "operating-system user `{user}` has no role here; to give one, add to `actors` in \
         [administration] of covenant.toml, and restart:\n\n    \
         {{ user = \"{user}\", name = \"the person's name\", roles = [\"operator\"] }},\n\n\
         roles are {}",
        super::words(&Role::ALL)
    )]
    NotMapped {
        /// The user.
        user: String,
    },
    /// The user has other roles.
    #[error(
        "user `{user}` does not have the role {role}, but: {}",
        super::words(roles)
    )]
    NotInRole {
        /// The user.
        user: String,
        /// The role asked for.
        role: Role,
        /// The roles the user has.
        roles: Vec<Role>,
    },
}

impl Actors {
    /// The mapping, if every user is one person.
    pub fn new(rows: impl IntoIterator<Item = Mapped>) -> Result<Self, TwoNames> {
        let mut users: BTreeMap<String, Person> = BTreeMap::new();
        for row in rows {
            let person = users.entry(row.user.clone()).or_insert_with(|| Person {
                name: row.name.as_str().into(),
                roles: Vec::new(),
            });
            if *person.name != *row.name {
                return Err(TwoNames {
                    user: row.user,
                    first: person.name.to_string(),
                    second: row.name,
                });
            }
            if !person.roles.contains(&row.role) {
                person.roles.push(row.role);
            }
        }
        Ok(Self { users })
    }

    /// Who `user` is, acting in `role` where one is named.
    ///
    /// # Errors
    /// When nobody mapped the user, or not to that role.
    pub fn caller(&self, user: &str, role: Option<Role>) -> Result<Caller, NotAnActor> {
        let person = self.users.get(user).ok_or_else(|| NotAnActor::NotMapped {
            user: user.to_owned(),
        })?;
        let roles = match role {
            None => person.roles.clone(),
            Some(role) if person.roles.contains(&role) => vec![role],
            Some(role) => {
                return Err(NotAnActor::NotInRole {
                    user: user.to_owned(),
                    role,
                    roles: person.roles.clone(),
                });
            }
        };
        Ok(Caller {
            name: Arc::clone(&person.name),
            roles,
        })
    }
}

/// A mapped person with the roles they may act in now.
#[derive(Clone, Debug)]
pub struct Caller {
    name: Arc<str>,
    roles: Vec<Role>,
}

impl Caller {
    /// The person in the role that fits `deed` best: the first of the deed's that they have. Someone
    /// who has none of them is refused by the service, in the first role they do have.
    pub fn for_deed(&self, deed: Deed) -> Actor {
        let fitting = deed.roles().iter().find(|role| self.roles.contains(role));
        let role = fitting.or(self.roles.first()).copied();
        Actor {
            name: Arc::clone(&self.name),
            role: role.unwrap_or(Role::Auditor),
        }
    }
}

/// The name of the user with this id, or `uid:<id>`, which no name can be: users of other
/// directories than `/etc/passwd` are mapped by that.
pub fn user_name(uid: u32) -> String {
    let passwd = std::fs::read_to_string(Path::new("/etc/passwd")).unwrap_or_default();
    name_in(&passwd, uid).unwrap_or_else(|| format!("uid:{uid}"))
}

/// `name:password:uid:…` lines, passwd(5).
fn name_in(passwd: &str, uid: u32) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, found) = (fields.next()?, fields.next()?, fields.next()?);
        (!name.is_empty() && found.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapped(user: &str, name: &str, role: Role) -> Mapped {
        Mapped {
            user: user.to_owned(),
            name: name.to_owned(),
            role,
        }
    }

    #[test]
    fn a_user_acts_in_the_role_that_fits_unless_another_is_named() {
        let rows = [
            mapped("ann", "Ann Bell", Role::Operator),
            mapped("ann", "Ann Bell", Role::Legal),
        ];
        let actors = Actors::new(rows).unwrap();
        let ann = actors.caller("ann", None).unwrap();
        assert_eq!(ann.for_deed(Deed::CustomersImport).role, Role::Operator);
        assert_eq!(ann.for_deed(Deed::LedgerReport).role, Role::Legal);
        let legal = actors.caller("ann", Some(Role::Legal)).unwrap();
        let legal = legal.for_deed(Deed::CustomersImport);
        assert_eq!((&*legal.name, legal.role), ("Ann Bell", Role::Legal));
        let refused = actors.caller("ann", Some(Role::Auditor)).unwrap_err();
        assert!(refused.to_string().contains("operator, legal"), "{refused}");
        let stranger = actors.caller("bob", None).unwrap_err().to_string();
        assert!(stranger.contains("user = \"bob\""), "{stranger}");
    }

    #[test]
    fn one_user_cannot_be_two_people() {
        let rows = [
            mapped("root", "Ann", Role::Operator),
            mapped("root", "Bo", Role::Legal),
        ];
        assert!(Actors::new(rows).is_err());
    }

    #[test]
    fn users_are_found_by_their_number_and_never_confused_with_one() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:\nbroken\n";
        assert_eq!(name_in(passwd, 1000).as_deref(), Some("ann"));
        assert_eq!(name_in(passwd, 7), None);
        assert_eq!(user_name(4_294_000_000), "uid:4294000000");
    }
}
