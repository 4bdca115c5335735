//! The scenarios, each for any adapter.

mod breaks;
mod deadlines;
mod program;

pub use breaks::*;
pub use deadlines::*;
pub use program::*;
