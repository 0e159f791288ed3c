"""Evaluations of suggestions."""
