"""Evaluations: how good suggestions are on rows whose right answer is known, and whether every row arrives."""
