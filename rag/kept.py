"""What costs a read of a whole collection, kept in memory and made anew when the collection has changed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from rag.index import KnowledgeBase

MAX_KEPT = 16
"""Of so many collections."""

T = TypeVar("T")


class Kept(Generic[T]):
    """One result for each collection, shared by threads; one thread makes it while the others wait for it."""

    def __init__(self, make: Callable[[KnowledgeBase], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: OrderedDict[str, tuple[str, T]] = OrderedDict()
        self._making: dict[str, threading.Lock] = {}

    def get(self, base: KnowledgeBase) -> T:
        """The result for the collection as it is now."""
        name, key = str(base.store.id), base.cache_key
        with self._lock:
            making = self._making.setdefault(name, threading.Lock())
        with making:
            with self._lock:
                made = self._made.get(name)
            if made is None or made[0] != key:
                made = (key, self._make(base))
            with self._lock:
                self._made[name] = made
                self._made.move_to_end(name)
                while len(self._made) > MAX_KEPT:
                    dropped, _ = self._made.popitem(last=False)
                    self._making.pop(dropped, None)
            return made[1]
