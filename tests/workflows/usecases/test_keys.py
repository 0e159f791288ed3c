"""The installation's keys: made once, by whoever is first, readable by their owner only."""

from __future__ import annotations

import base64
import multiprocessing
import stat
from pathlib import Path

import pytest
from pydantic import SecretStr

from workflows.settings import Settings
from workflows.usecases.keys import InvalidKey, callback_key, payload_keys


def _keys_of(home: str) -> tuple[str, bytes]:
    made = payload_keys(Settings(home=Path(home)))
    return made.current, made.keys[made.current]


def test_processes_that_start_together_agree_on_one_key(tmp_path):
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        made = pool.map(_keys_of, [str(tmp_path)] * 12, chunksize=1)
    assert len(set(made)) == 1
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["payload.key"]


def test_the_file_is_its_owners_alone(tmp_path):
    payload_keys(Settings(home=tmp_path))
    path = tmp_path / "keys" / "payload.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_configured_key_wins_and_has_its_own_id(tmp_path):
    key = bytes(range(32))
    settings = Settings(home=tmp_path, payload_key=SecretStr(base64.b64encode(key).decode()))
    made = payload_keys(settings)
    assert made.keys == {made.current: key}
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize("text", ["", "short", base64.b64encode(b"x" * 31).decode(), "!" * 44, "é" * 44])
def test_a_wrong_key_names_where_it_stands_and_not_itself(tmp_path, text):
    with pytest.raises(InvalidKey, match="VISTO_PAYLOAD_KEY") as refused:
        payload_keys(Settings(home=tmp_path, payload_key=SecretStr(text)))
    assert not text or text not in str(refused.value)
    assert "openssl" in refused.value.remedy


def test_callbacks_are_signed_with_a_key_of_their_own(tmp_path):
    settings = Settings(home=tmp_path)
    assert callback_key(settings) == callback_key(settings) != next(iter(payload_keys(settings).keys.values()))
