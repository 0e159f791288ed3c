"""Connectors: one file per system Visto talks to."""
