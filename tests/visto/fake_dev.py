"""``visto dev`` with small stand-ins for the API and the worker; Temporal and Chroma are real. Run as a process.

Arguments: the home folder, and what the stand-ins do (``serve``, ``fail``, ``deaf``).
"""

import asyncio
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from visto.cli.dev import until_stopped  # noqa: E402
from visto.cli.errors import CommandError  # noqa: E402
from visto.cli.output import fail, note  # noqa: E402
from visto.supervisor import probes, stack  # noqa: E402
from visto.supervisor.ports import choose  # noqa: E402
from visto.supervisor.supervisor import Supervisor  # noqa: E402


class FakeStack(stack.Stack):
    __slots__ = ()

    def ours(self):
        return [self._fake("api", self.ports["api"]), self._fake("worker", self.ports["worker"])]

    def _fake(self, name, port):
        argv = [sys.executable, str(HERE / "fake_process.py"), sys.argv[2], str(port)]
        return self._spec(name, argv, lambda _: probes.answers(port, "/"))


def main():
    real = stack.plan(stack.Options(Path(sys.argv[1]), ui=False, any_ports=True))
    ports = {**real.ports, **choose({"worker": 0}, hold=True)}
    made = Supervisor(FakeStack(real.options, ports, real.moved, real.env), note, [sys.executable, "-c", "pass"])
    asyncio.run(until_stopped(made, as_json=True))


if __name__ == "__main__":
    try:
        main()
    except CommandError as error:
        fail(error, as_json=True)
        sys.exit(int(error.exit_code))
