"""Finds every problem of a flow in one pass, each with its place, its words and what to do about it."""

from workflows.flow.check.run import check, check_loaded

__all__ = ["check", "check_loaded"]
