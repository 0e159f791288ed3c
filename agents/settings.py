"""Which models exist: aliases as plain data, read from the environment in one place.

A flow names an alias (``model: default``); what the alias means is decided here, per environment, and never
in a flow. Nothing in this module imports a provider.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

OFFLINE = "offline"
OFFLINE_MODEL = "offline-1"
DEFAULT_TIMEOUT_S = 60.0
DEFAULT_MODELS = {"openai": "gpt-4.1-mini", "anthropic": "claude-haiku-4-5", "ollama": "llama3.1"}


class SettingsError(ValueError):
    """The configuration of models is wrong. The message names the variable or alias and the remedy."""


class Price(BaseModel):
    """USD per million tokens, for models whose price is negotiated or not in the public tables."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: float = Field(ge=0)
    output: float = Field(ge=0)


class ModelAlias(BaseModel):
    """One alias. ``api_key_env`` names an environment variable; ``fallback`` names another alias.

    The fallback answers when this model's provider cannot: 429, 5xx, a timeout or a refused request (4xx).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    provider: str
    model: str
    base_url: str | None = None
    api_key_env: str | None = None
    api_key: SecretStr | None = Field(default=None, repr=False)
    temperature: float | None = Field(default=None, ge=0, le=2)
    timeout_s: float = Field(default=DEFAULT_TIMEOUT_S, gt=0)
    fallback: str | None = None
    price: Price | None = None
    source: str = "configuration"

    @property
    def is_llm(self) -> bool:
        return self.provider != OFFLINE


OFFLINE_ALIAS = ModelAlias(
    provider=OFFLINE, model=OFFLINE_MODEL, source="built in, used when no provider is configured"
)


class ModelSettings(BaseModel):
    """All aliases. ``default`` and ``offline`` always exist; without a configured provider both are the offline model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    aliases: dict[str, ModelAlias] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _complete(self) -> ModelSettings:
        self.aliases.setdefault("default", OFFLINE_ALIAS)
        self.aliases.setdefault(OFFLINE, OFFLINE_ALIAS)
        for name in self.aliases:
            self.chain(name)
        return self

    def chain(self, name: str) -> list[tuple[str, ModelAlias]]:
        """The alias and its fallbacks in order. Raises ``SettingsError`` for an unknown name or a circle."""
        found: list[tuple[str, ModelAlias]] = []
        step: str | None = name
        while step is not None:
            if step not in self.aliases:
                raise SettingsError(f"no model alias '{step}'; configured are: {', '.join(sorted(self.aliases))}")
            if any(step == seen for seen, _ in found):
                raise SettingsError(f"the fallbacks of model alias '{name}' form a circle at '{step}'")
            found.append((step, self.aliases[step]))
            step = self.aliases[step].fallback
        return found

    @property
    def instant(self) -> tuple[str, ...]:
        """The aliases whose model answers inside the process: nobody is called, and asking twice costs nothing."""
        return tuple(name for name in sorted(self.aliases) if self.is_instant(name))

    def is_instant(self, name: str) -> bool:
        """False for names that are not configured."""
        return name in self.aliases and not any(alias.is_llm for _, alias in self.chain(name))


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """What an alias stands for, in words for people; ``source`` says why it was picked."""

    alias: str
    provider: str
    model: str
    is_llm: bool
    source: str
    fallback: str | None


def describe_models(settings: ModelSettings) -> list[ModelDescription]:
    """One line per alias, ``default`` first; no key, no network."""
    names = sorted(settings.aliases, key=lambda name: (name != "default", name))
    return [
        ModelDescription(name, a.provider, a.model, a.is_llm, a.source, a.fallback)
        for name, a in ((name, settings.aliases[name]) for name in names)
    ]


def model_settings_from_env(env: Mapping[str, str]) -> ModelSettings:
    """Aliases from ``VISTO_MODELS`` (a JSON object alias -> settings), and ``default`` from the first key found.

    Order for ``default``: ``OPENAI_API_KEY``, ``ANTHROPIC_API_KEY``, ``OLLAMA_HOST``, else the offline model.
    Raises ``SettingsError``.
    """
    aliases = {name: _alias(name, raw, env) for name, raw in _declared(env).items()}
    picked = _picked(env)
    if picked is not None:
        aliases.setdefault("default", picked)
    return ModelSettings(aliases=aliases)


def _declared(env: Mapping[str, str]) -> dict[str, object]:
    text = env.get("VISTO_MODELS", "").strip()
    if not text:
        return {}
    try:
        found = json.loads(text)
    except ValueError as error:
        raise SettingsError(f"VISTO_MODELS is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise SettingsError("VISTO_MODELS must be a JSON object: alias -> {provider, model, ...}")
    return found


def _alias(name: str, raw: object, env: Mapping[str, str]) -> ModelAlias:
    try:
        alias = ModelAlias.model_validate(raw)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))
        raise SettingsError(f"VISTO_MODELS, alias '{name}': {problems}") from error
    if alias.api_key_env is None:
        return alias
    key = env.get(alias.api_key_env, "")
    if not key:
        raise SettingsError(f"VISTO_MODELS, alias '{name}': the variable {alias.api_key_env} is not set")
    return alias.model_copy(update={"api_key": SecretStr(key)})


def _picked(env: Mapping[str, str]) -> ModelAlias | None:
    named = env.get("VISTO_MODEL") or None
    if key := env.get("OPENAI_API_KEY"):
        model = named or DEFAULT_MODELS["openai"]
        url = env.get("OPENAI_BASE_URL") or None
        return ModelAlias(
            provider="openai", model=model, base_url=url, api_key=SecretStr(key), source="OPENAI_API_KEY is set"
        )
    if key := env.get("ANTHROPIC_API_KEY"):
        model = named or DEFAULT_MODELS["anthropic"]
        return ModelAlias(provider="anthropic", model=model, api_key=SecretStr(key), source="ANTHROPIC_API_KEY is set")
    if host := env.get("OLLAMA_HOST"):
        model = named or DEFAULT_MODELS["ollama"]
        url = host if "://" in host else f"http://{host}"
        return ModelAlias(provider="ollama", model=model, base_url=url, source="OLLAMA_HOST is set")
    return None
