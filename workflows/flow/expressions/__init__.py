"""The locked expression language: Jinja2's grammar, our own evaluator. ``workflows.flow.expr`` is the way in."""
