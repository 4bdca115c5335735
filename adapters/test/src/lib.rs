//! Scriptable SMTP peers for tests.
