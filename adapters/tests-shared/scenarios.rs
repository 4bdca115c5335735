//! The scenarios, each for any adapter.

mod breaks;
mod deadlines;
mod program;
#[cfg(feature = "tls")]
mod secure;

pub use breaks::*;
pub use deadlines::*;
pub use program::*;
#[cfg(feature = "tls")]
pub use secure::*;
