//! What the peer did wrong in a command, and the reply that it deserves.
