//! Pure rules and stable layouts of Keepsake: blob heap, upload sessions, capsules, memories
