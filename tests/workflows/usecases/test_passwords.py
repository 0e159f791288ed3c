"""What a password must be, and that nothing can be read from how long a check takes."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher, extract_parameters

from workflows.usecases import passwords
from workflows.usecases.refusals import Refused

GOOD = [
    "correct horse battery staple",
    "Zwölf Boxkämpfer jagen Viktor",
    "nnw7-Qd2x-prrk",
    "ana likes seven purple boats",
    "🦊🐢🦉🐝🐙🦋🐺🦔🐬🦩🐧🦥",
]
WEAK = {
    "short": ["", "a", "elevenchars"],
    "simple": ["aaaaaaaaaaaaaaaa", "abababababababab", "1212121212121212"],
    "own": ["ana.ruiz@example.com", "AnaRuizAnaRuiz", "ana ruiz 1234", "Example.com-2026", "ruizana2026!"],
    "common": ["password1234", "Passwort2026!", "1234567890ab", "qwerty123456", "Visto-Admin-1"],
    "long": ["seven purple boats " * 20],
}


@pytest.mark.parametrize("password", GOOD)
def test_length_is_what_counts(password):
    passwords.check_rules(password, "Ana Ruiz", "ana.ruiz@example.com")


@pytest.mark.parametrize("password", [one for group in WEAK.values() for one in group])
def test_what_is_guessed_first_is_refused_with_a_remedy(password):
    with pytest.raises(Refused) as caught:
        passwords.check_rules(password, "Ana Ruiz", "ana.ruiz@example.com")
    assert caught.value.code == "weak_password"
    assert caught.value.fields["new"]
    assert len(password) < 3 or password not in str(caught.value)


def test_a_one_letter_name_does_not_forbid_the_alphabet():
    passwords.check_rules("bcdfghjklmnp", "B", "b@c.de")


async def test_a_password_is_recognised_however_its_letters_were_composed():
    hash_ = await passwords.hashed("Zw\u00f6lf Boxk\u00e4mpfer")
    assert await passwords.verify(hash_, "Zwo\u0308lf Boxka\u0308mpfer")
    assert not await passwords.verify(hash_, "Zwolf Boxkampfer")


async def test_two_hashes_of_one_password_differ_and_say_nothing():
    first, second = await passwords.hashed(GOOD[0]), await passwords.hashed(GOOD[0])
    assert first != second
    assert GOOD[0] not in first
    assert not passwords.needs_rehash(first)


@pytest.mark.parametrize("hash_", [None, "", "x", "$argon2id$v=19$m=1,t=1,p=1$", "plain text"])
@pytest.mark.parametrize("password", ["", GOOD[0], "x" * 100_000])
async def test_without_a_hash_no_password_is_right(hash_, password):
    assert not await passwords.verify(hash_, password)


async def test_a_name_that_nobody_has_costs_the_work_of_one_that_somebody_has(monkeypatch):
    """So that the time of an answer does not tell who is known: one hash is computed, of the same cost."""
    hash_ = await passwords.hashed(GOOD[0])
    computed = []
    verify = PasswordHasher.verify

    def counted(self, against, password):
        computed.append(extract_parameters(against))
        return verify(self, against, password)

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    for against in (hash_, None):
        assert not await passwords.verify(against, "wrong wrong wrong")
    somebody, nobody = computed
    assert nobody == somebody
