//! The ground floor: how strict the grammar is, and byte classes as tables.

/// How forgiving the command grammar is. Chosen at run time; strict unless asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Syntax {
    /// RFC 5321 as it stands.
    #[default]
    Strict,
    /// The deviations that deployed clients are known for are taken too.
    Lenient,
}
