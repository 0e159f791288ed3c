"""The journal: an append-only, tamper-evident record of every prompt, answer, decision and effect."""
