"""YAML text to a typed, checked flow, then to the plan that runs. Pure: imports nothing that touches the world."""
