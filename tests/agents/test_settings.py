"""Which model ``default`` means, said plainly and never guessed."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from agents.settings import ModelAlias, ModelSettings, SettingsError, describe_models, model_settings_from_env


@pytest.mark.parametrize(
    ("env", "provider", "model", "source"),
    [
        ({}, "offline", "offline-1", "no provider is configured"),
        ({"OPENAI_API_KEY": "k"}, "openai", "gpt-4.1-mini", "OPENAI_API_KEY"),
        (
            {"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "a", "OLLAMA_HOST": "h"},
            "openai",
            "gpt-4.1-mini",
            "OPENAI_API_KEY",
        ),
        ({"ANTHROPIC_API_KEY": "a", "OLLAMA_HOST": "h"}, "anthropic", "claude-haiku-4-5", "ANTHROPIC_API_KEY"),
        ({"OLLAMA_HOST": "box:11434", "VISTO_MODEL": "qwen3"}, "ollama", "qwen3", "OLLAMA_HOST"),
        ({"OPENAI_API_KEY": "k", "VISTO_MODEL": "gpt-9"}, "openai", "gpt-9", "OPENAI_API_KEY"),
        ({"OPENAI_API_KEY": ""}, "offline", "offline-1", "no provider is configured"),
    ],
)
def test_default_is_the_first_configured_provider_and_says_why(env, provider, model, source):
    described = describe_models(model_settings_from_env(env))[0]
    assert (described.alias, described.provider, described.model) == ("default", provider, model)
    assert source in described.source
    assert described.is_llm is (provider != "offline")


def test_the_offline_model_can_always_be_asked_for_by_name():
    settings = model_settings_from_env({"OPENAI_API_KEY": "k"})
    assert settings.aliases["offline"].provider == "offline"


def test_aliases_come_from_json_and_their_keys_from_the_variables_they_name():
    models = {"fast": {"provider": "openai", "model": "m", "api_key_env": "FAST_KEY", "fallback": "offline"}}
    settings = model_settings_from_env({"VISTO_MODELS": json.dumps(models), "FAST_KEY": "s3cret"})
    key = settings.aliases["fast"].api_key
    assert key is not None
    assert key.get_secret_value() == "s3cret"
    assert [name for name, _ in settings.chain("fast")] == ["fast", "offline"]
    assert "s3cret" not in repr(settings) + settings.model_dump_json()


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("{", "not JSON"),
        ("[]", "JSON object"),
        ('{"a": {"provider": "openai"}}', "alias 'a': model"),
        ('{"a": {"provider": "openai", "model": "m", "modle": 1}}', "modle"),
        ('{"a": {"provider": "openai", "model": "m", "timeout_s": 0}}', "timeout_s"),
        ('{"a": {"provider": "openai", "model": "m", "api_key_env": "NOPE"}}', "NOPE is not set"),
        ('{"a": {"provider": "openai", "model": "m", "fallback": "b"}}', "no model alias 'b'"),
        ('{"a": {"provider": "x", "model": "m", "fallback": "a"}}', "circle"),
    ],
)
def test_a_wrong_configuration_names_the_place(value, says):
    with pytest.raises((SettingsError, ValueError), match=says):
        model_settings_from_env({"VISTO_MODELS": value})


def test_an_alias_never_prints_its_key():
    assert "sk-1" not in repr(ModelAlias(provider="openai", model="m", api_key="sk-1"))


def test_contracts_and_settings_do_not_import_langchain():
    code = (
        "import sys, agents.contracts, agents.settings, agents.runner, agents.fakes.openai;"
        "print([m for m in ('langchain', 'langchain_core', 'langgraph', 'openai', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_settings_without_a_provider_have_one_model_under_both_names():
    assert ModelSettings().aliases["default"] == ModelSettings().aliases["offline"]
