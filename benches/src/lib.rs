//! What the benchmarks share: the corpus, the contenders, and the file of results.

pub mod contenders;
pub mod corpus;
pub mod results;

pub use contenders::{Contender, OURS, REGISTRY};
