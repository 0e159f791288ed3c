"""Ports for servers that a test starts as processes."""

from visto.supervisor.ports import choose


def free_port() -> int:
    """A port on the loopback interface that nobody uses and nobody else is given."""
    return choose({"server": 0}, hold=True)["server"]
