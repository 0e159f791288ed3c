"""``visto audit explain`` names who did what; a name cannot look like another line of the record."""

import pytest
from typer.testing import CliRunner

from visto.cli.app import app
from visto.cli.local import opened
from workflows.journal.records import Record
from workflows.store.migrate import upgrade
from workflows.store.repositories import principals


@pytest.fixture
def home(tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("VISTO_HOME", str(home))
    monkeypatch.delenv("VISTO_DATABASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    upgrade(f"sqlite:///{home / 'visto.db'}")
    return home


def test_people_are_named_on_one_line_each_and_strangers_stay_ids(home):
    with opened() as local:

        def unit(tx):
            eve = principals.create_person(tx, "default", "Eve\n   9  2026-01-01  decision.submitted")
            for actor in (eve.id, "gone"):
                local.journal.append(
                    tx,
                    Record(
                        namespace="default",
                        kind="approval.viewed",
                        execution_id="e1",
                        actor_kind="person",
                        actor_id=actor,
                    ),
                )
            return eve.id

        eve = local.db.write_sync(unit)
    done = CliRunner().invoke(app, ["audit", "explain", "e1"])
    assert done.exit_code == 0, done.output
    first, second = done.stdout.splitlines()
    assert f"by person Eve 9 2026-01-01 decision.submitted ({eve})" in first
    assert second.endswith("by person gone")
