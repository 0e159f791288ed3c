"""Triggers: events from outside become starts."""
