//! The scenarios, each for any adapter.

mod breaks;
mod deadlines;
mod program;
mod scripted;
#[cfg(feature = "tls")]
mod secure;

pub use breaks::*;
pub use deadlines::*;
pub use program::*;
pub use scripted::*;
#[cfg(feature = "tls")]
pub use secure::*;
