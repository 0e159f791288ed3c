"""The Slack app: where clicks and forms arrive, and what they may do. Decisions go through the same use cases as all.

Nothing here is imported from Bolt before Slack is set up and used: see ``hosting``.
"""
