"""The interpreter: one generic Temporal workflow that runs any plan. Pure and deterministic.

Everything that touches the world is an activity, called by its name in ``workflows.contracts``.
"""
