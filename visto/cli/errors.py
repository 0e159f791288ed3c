"""What a command ends with: exit codes, and the one error that every command raises.

Exit codes
----------
0    done; the answer is yes
1    done; the answer is no (problems found, an execution failed, a check did not hold)
2    the command line is wrong
3    something that must run does not answer (API, Temporal, Chroma, database)
4    refused (not permitted, not found, already decided, stale)
5    the time to wait ran out; what was started goes on
6    an execution ended REJECTED
70   a defect of ours
130  interrupted
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any


class Exit(IntEnum):
    """See the table in the module's docstring."""

    OK = 0
    NO = 1
    USAGE = 2
    UNREACHABLE = 3
    REFUSED = 4
    TIMEOUT = 5
    REJECTED = 6
    DEFECT = 70
    INTERRUPTED = 130


class CommandError(Exception):
    """A command that cannot go on: one message for people, and the remedy."""

    def __init__(
        self,
        message: str,
        *,
        exit_code: Exit = Exit.NO,
        remedy: str = "",
        code: str = "error",
        detail: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.remedy = remedy
        self.code = code
        self.detail = detail or {}

    def as_json(self) -> dict[str, Any]:
        """The error as ``--json`` prints it."""
        found: dict[str, Any] = {"code": self.code, "message": str(self), "remedy": self.remedy}
        return {"error": found | ({"detail": self.detail} if self.detail else {})}
