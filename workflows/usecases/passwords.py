"""What a password must be, and how it is kept: Argon2id, worked out in two threads of its own.

Two at a time bound the memory (32 MiB each) and leave the event loop alone.
"""

from __future__ import annotations

import asyncio
import secrets
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING

from workflows.usecases.refusals import Refused

if TYPE_CHECKING:
    from argon2 import PasswordHasher

MIN_LENGTH = 12
MAX_LENGTH = 256
MIN_OWN = 8
MIN_DISTINCT = 5
COMMON = ("password", "passwort", "visto", "qwerty", "letmein", "welcome", "admin", "1234567890", "123456", "abcdef")
MEMORY_KIB = 32 * 1024
_WORDS_FROM = 3

_threads = ThreadPoolExecutor(2, thread_name_prefix="visto-password")


def check_rules(password: str, name: str, email: str | None) -> None:
    """Raises ``Refused`` 422 for a password that is too short, too simple, or made of one's own name."""
    problem = _problem(_normal(password), name, email)
    if problem is not None:
        raise Refused(
            "weak_password",
            f"The new password {problem}.",
            status=422,
            remedy=f"Take at least {MIN_LENGTH} characters, for example four words that nobody would put together.",
            fields={"new": [f"It {problem}."]},
        )


def _problem(password: str, name: str, email: str | None) -> str | None:
    if len(password) < MIN_LENGTH:
        return f"is shorter than {MIN_LENGTH} characters"
    if len(password) > MAX_LENGTH:
        return f"is longer than {MAX_LENGTH} characters"
    if len(set(password)) < MIN_DISTINCT:
        return f"has fewer than {MIN_DISTINCT} different characters"
    rest = password.casefold()
    for word in sorted({*_words(name, email), *COMMON}, key=len, reverse=True):
        rest = rest.replace(word, "")
    return "is made of your name, your e-mail address or a common word" if len(rest) < MIN_OWN else None


def _words(name: str, email: str | None) -> set[str]:
    address = _normal(email or "").casefold()
    local, _, domain = address.partition("@")
    whole = _normal(name).casefold()
    found = {address, local, domain, domain.rpartition(".")[0], whole, whole.replace(" ", ""), *whole.split()}
    return {word for word in found if len(word) >= _WORDS_FROM}


async def hashed(password: str) -> str:
    """The hash to store."""
    return await asyncio.get_running_loop().run_in_executor(_threads, hash_now, password)


def hash_now(password: str) -> str:
    """As ``hashed``, in the caller's thread."""
    return _hasher().hash(_normal(password))


async def verify(hash_: str | None, password: str) -> bool:
    """Whether it is this password. Without a hash the same work is done for nothing and the answer is no."""
    return await asyncio.get_running_loop().run_in_executor(_threads, _verify, hash_, password)


def needs_rehash(hash_: str) -> bool:
    """Whether it was made with other parameters than today's."""
    return _hasher().check_needs_rehash(hash_)


def _verify(hash_: str | None, password: str) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError

    plain = _normal(password)[: MAX_LENGTH + 1]  # longer than any that was ever set, and no more work
    try:
        return _hasher().verify(hash_ or _nobody(), plain) and bool(hash_)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=3, memory_cost=MEMORY_KIB, parallelism=1)


@cache
def _nobody() -> str:
    """The hash of a password that nobody has, for names that nobody has."""
    return _hasher().hash(secrets.token_hex())


def _normal(password: str) -> str:
    # the same characters typed on different systems are the same password
    return unicodedata.normalize("NFKC", password)
