//! Programs over the SMTP core, one idea each: see `src/bin`.
