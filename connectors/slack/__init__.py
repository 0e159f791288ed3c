"""Slack: a client that says what went wrong, Block Kit within its limits, the app's manifest and settings."""
