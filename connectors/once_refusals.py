"""Why a write to a file is refused, in words."""

from __future__ import annotations

import errno
import os

from connectors.base import ConnectorError

_PASSING = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE})


def already_there(path: str) -> ConnectorError:
    return ConnectorError(
        f"The file {path!r} exists already.",
        code="exists",
        permanent=True,
        remedy="Choose another name, or say mode: replace.",
    )


def other_request(path: str) -> ConnectorError:
    return ConnectorError(
        f"This operation has already written something else to {path!r}.",
        code="conflict",
        permanent=True,
        remedy="Run the step again as a new execution.",
    )


def changed_by_others(path: str, journal: str) -> ConnectorError:
    return ConnectorError(
        f"Something else wrote to {path!r} while an append was unfinished.",
        code="conflict",
        permanent=True,
        remedy=f"Repair the end of the file by hand, then delete {journal!r} beside it.",
    )


def io_error(path: str, error: OSError) -> ConnectorError:
    """A full or failing disk passes; anything else needs somebody to change it."""
    passing = error.errno in _PASSING
    reason = os.strerror(error.errno) if error.errno else type(error).__name__
    return ConnectorError(
        f"Writing {path!r} failed: {reason}.",
        code="server_error" if passing else "bad_request",
        permanent=not passing,
        remedy="Free some space on the disk of the files folder." if passing else "Check the folder's permissions.",
    )
