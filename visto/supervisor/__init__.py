"""Runs Temporal, Chroma, the API and a worker on one machine, and keeps them running."""
