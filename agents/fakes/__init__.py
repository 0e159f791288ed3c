"""Stand-ins for model providers, shipped beside the real thing so that everybody tests against the same one."""
