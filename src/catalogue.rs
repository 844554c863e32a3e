//! What the core services offer, and what every piece of it is: operations, their parameters, and
//! the data category of every field of every answer. Built from a core service's own OpenAPI 3
//! document plus an overlay. What is not in the catalogue does not exist; a field without a category
//! is never released (P1).
//!
//! Pure data: nothing here reads a request or knows a partner. Start at [`Operation`], then
//! [`shape::Shape`].

pub mod operation;
pub mod shape;

pub use operation::{Answer, Body, Creates, Operation, Parameter, Place, RequestBody, Role};
pub use shape::{Field, FieldId, FieldRole, Member, Node, ObjectNode, Partial, ScalarKind, Shape};
