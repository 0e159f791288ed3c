"""Processes that write, and die by SIGKILL at a chosen system call.

Reads a list of runs ``{root, jobs, step, half}`` from standard input and makes each in a forked process, in order.
The ``step``-th call that changes the disk is the last: it is not made, or (``half``) made, a write with half its bytes.
Prints a list: the number of such calls of each run, or null where it was killed.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from connectors.once import Content, write_once

CHANGING = ("open", "write", "fsync", "rename", "link", "unlink", "ftruncate", "mkdir")


def die_at(step: int, *, half: bool) -> itertools.count[int]:
    calls = itertools.count(1)

    def wrap(name: str) -> None:
        real = getattr(os, name)

        def counted(*args, **kwargs):
            if next(calls) == step:
                with suppress(OSError):
                    if half and name == "write":
                        real(args[0], args[1][: len(args[1]) // 2])
                    elif half:
                        real(*args, **kwargs)
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)

        setattr(os, name, counted)

    for name in CHANGING:
        wrap(name)
    return calls


def perform(root: str, jobs: list[dict[str, str]], step: int, half: bool, answer: int) -> None:
    write = os.write
    calls = die_at(step, half=half)
    for job in jobs:
        content = Content(job["data"].encode(), {"bytes": len(job["data"])})
        write_once(
            Path(root),
            job["path"],
            op_id=job["op"],
            mode=job["mode"],
            request=content.data,
            render=lambda _, c=content: c,
        )
    write(answer, str(next(calls) - 1).encode())


def fork(run: dict) -> int | None:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            perform(**run, answer=writing)
        except BaseException as error:  # noqa: BLE001 - a forked child never returns
            sys.stderr.write(f"{error!r}\n")
            os._exit(1)
        os._exit(0)
    os.close(writing)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reading) as answer:
        if os.WIFSIGNALED(status):
            return None
        if status != 0:
            raise SystemExit(1)
        return int(answer.read())


sys.stdout.write(json.dumps([fork(run) for run in json.load(sys.stdin)]))
