"""Keeps the idle process small and a busy one quick: few malloc arenas, start-up given back, fewer collections."""

from __future__ import annotations

import ctypes
import gc

M_ARENA_MAX = -8
ARENAS = 2
COLLECT_AFTER = (20_000, 20, 20)
"""Objects made before the collector looks (by default 700): a request makes thousands that die by themselves."""


def few_arenas() -> None:
    """Let threads share two arenas; by default each may keep one of its own. Does nothing without glibc."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(M_ARENA_MAX, ARENAS)


def give_back() -> None:
    """Collect what start-up left, return free pages to the system, and from now on collect less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)
