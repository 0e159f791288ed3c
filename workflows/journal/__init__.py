"""The journal: hash-chained records of every prompt, answer, view, decision and effect."""
