"""Delivers what was promised: outbox rows, again and again until they are delivered, and gates nobody will ask for."""
