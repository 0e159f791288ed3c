"""``docker-compose.yml`` says what the product can do: its commands, settings and references exist."""

import re
from pathlib import Path

import pytest
import yaml

from rag.settings import KnowledgeSettings
from visto.cli.app import COMMANDS
from workflows.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if service.get("image") == "visto:local"]
SETTINGS = {f"VISTO_{name.upper()}" for name in (*Settings.model_fields, *KnowledgeSettings.model_fields)}
COMMAND_LINE_ONLY = {"VISTO_URL", "VISTO_API_KEY", "VISTO_MODELS"}


def test_everything_that_production_needs_is_there():
    assert {"postgres", "temporal", "chroma", "api", "worker"} <= set(SERVICES)


@pytest.mark.parametrize("name", OURS)
def test_our_services_run_commands_that_exist(name):
    assert SERVICES[name]["command"][0] in COMMANDS


@pytest.mark.parametrize("name", OURS)
def test_our_services_are_given_settings_that_exist(name):
    given = {key for key in SERVICES[name]["environment"] if key.startswith("VISTO_")}
    assert given
    assert given <= SETTINGS


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_for_services_and_uses_volumes_that_exist(name):
    service = SERVICES[name]
    waits = service.get("depends_on", {})
    assert set(waits) <= set(SERVICES)
    for other, how in waits.items():
        assert how["condition"] != "service_healthy" or "healthcheck" in SERVICES[other]
    assert {volume.split(":")[0] for volume in service.get("volumes", [])} <= set(COMPOSE["volumes"])


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_listens_beyond_this_machine_by_itself(name):
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_has_a_default(name):
    for key, value in SERVICES[name].get("environment", {}).items():
        if re.search(r"PASSWORD|PWD|_KEY$", key) and not key.endswith("_API_KEY"):
            assert ":?" in value


def test_the_example_environment_names_settings_that_exist():
    named = set(re.findall(r"^#?(VISTO_[A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert named
    assert named <= SETTINGS | COMMAND_LINE_ONLY
