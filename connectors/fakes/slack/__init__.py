"""A Slack workspace on this machine: the Web API over real HTTP, Slack's limits enforced, people who click and type.

For tests, and for trying the Slack app without a workspace. ``FakeSlack`` (in ``server``) runs it; ``Somebody`` (in
``people``) is a member who acts. What our messages must never do (mention, link what data says, unfurl) is collected in
``Workspace.violations``.
"""
