"""Connections resolve per namespace and environment; secrets come from outside and never show."""

from __future__ import annotations

import pytest

from connectors.base import ConnectorError
from connectors.connections import ConnectionBook, Secrets

MAPPING = {
    "sales": {
        "crm": {
            "type": "http",
            "config": {"base_url": "https://crm.example", "auth": "bearer"},
            "secrets": {"token": "CRM_TOKEN"},
            "environments": {"development": {"config": {"base_url": "http://127.0.0.1:1", "allow_private": True}}},
        }
    },
    "hr": {},
}


def book(environment="production", environ=None, file=None, mapping=MAPPING):
    return ConnectionBook(mapping, environment=environment, secrets=Secrets(environ or {}, file))


def test_the_environment_overlays_the_configuration():
    environ = {"VISTO_SECRET_CRM_TOKEN": "canary"}
    production = book(environ=environ).resolve("sales", "crm")
    development = book("development", environ).resolve("sales", "crm")
    assert production.config == {"base_url": "https://crm.example", "auth": "bearer"}
    assert development.config == {"base_url": "http://127.0.0.1:1", "auth": "bearer", "allow_private": True}
    assert production.secrets["token"].get_secret_value() == "canary"
    assert "canary" not in repr(production)


def test_another_namespaces_connection_does_not_exist():
    with pytest.raises(ConnectorError, match="no connection 'crm' in namespace 'hr'") as caught:
        book().resolve("hr", "crm")
    assert "known here: none" in caught.value.remedy
    assert (book().names("sales"), book().names("hr"), book().names("x")) == (
        frozenset({"crm"}),
        frozenset(),
        frozenset(),
    )


def test_a_missing_secret_names_connection_secret_and_remedy():
    with pytest.raises(ConnectorError, match="'crm' can not be used: The secret CRM_TOKEN is not set") as caught:
        book().resolve("sales", "crm")
    assert "VISTO_SECRET_CRM_TOKEN" in caught.value.remedy


def test_a_namespaces_own_secret_comes_first_and_no_other_namespace_gets_it():
    secrets = Secrets({"VISTO_SECRET_SALES_EMEA__KEY": "own", "VISTO_SECRET_KEY": "shared"})
    assert secrets.get("sales.emea", "KEY").get_secret_value() == "own"
    assert secrets.get("hr", "KEY").get_secret_value() == "shared"
    for name in ("SALES_EMEA__KEY", "key", "", "A" * 65):
        with pytest.raises(ConnectorError, match="not a secret's name"):
            secrets.get("hr", name)


def test_the_secrets_file_must_be_private(tmp_path):
    file = tmp_path / "secrets.env"
    file.write_text("# ours\nCRM_TOKEN = from-file\n\n")
    file.chmod(0o640)
    with pytest.raises(ConnectorError, match="can be read by others") as caught:
        Secrets({}, file)
    assert "chmod 600" in caught.value.remedy
    file.chmod(0o600)
    assert Secrets({}, file).get("sales", "CRM_TOKEN").get_secret_value() == "from-file"
    assert Secrets({"VISTO_SECRET_CRM_TOKEN": "env"}, file).get("sales", "CRM_TOKEN").get_secret_value() == "env"
    assert Secrets({}, tmp_path / "none").get is not None


def test_a_broken_secrets_line_is_named_without_its_text(tmp_path):
    file = tmp_path / "secrets.env"
    file.write_text("A=1\ncanary-without-name\n")
    file.chmod(0o600)
    with pytest.raises(ConnectorError, match="line 2") as caught:
        Secrets({}, file)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("sales: [1]", "not a mapping"),
        ("- 1", "not a mapping"),
        ("a: {b: {", "not readable as YAML"),
        ("sales: {crm: {type: http, confg: {}}}", "sales.crm.confg"),
        ("sales: {crm: {config: {}}}", "sales.crm.type"),
        ("sales: {crm: 5}", "sales.crm"),
    ],
)
def test_a_mistake_in_the_file_is_named_at_start(tmp_path, text, problem):
    file = tmp_path / "connections.yaml"
    file.write_text(text)
    with pytest.raises(ConnectorError, match=problem) as caught:
        ConnectionBook.load(file, environment="production", secrets=Secrets({}))
    assert caught.value.remedy


def test_no_file_means_no_connections(tmp_path):
    loaded = ConnectionBook.load(tmp_path / "none.yaml", environment="production", secrets=Secrets({}))
    assert loaded.names("sales") == frozenset()
