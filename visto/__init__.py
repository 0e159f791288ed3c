"""The visto command."""
