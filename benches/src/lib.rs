//! What the benchmarks share: the corpus, the contenders, how they take turns, and the file of
//! results.

pub mod corpus;
pub mod goals;
pub mod results;
pub mod rows;
pub mod turns;

pub use rows::{Contender, Row};
