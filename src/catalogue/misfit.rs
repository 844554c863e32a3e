//! Which demand of its schema a value does not meet.

/// What a value fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// `enum` or `const`.
    Words,
    /// `pattern`.
    Pattern,
    /// `format`.
    Format,
    /// `minLength` or `maxLength`.
    Length,
    /// It is a document that could hide something.
    Document,
    /// `minimum` or `maximum`.
    Bounds,
    /// `multipleOf`.
    Step,
}
