//! The exam in PocketIC, the IC's own engine: everything is in `tests/`. Owns no code.
