//! Programs over the SMTP core, one idea each: see `src/bin`. What several of them need is here.

pub mod lettre;
pub mod relay;
