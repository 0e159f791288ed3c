"""The settings of every process, read from the environment once, at the root (``VISTO_*``)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Everything a process needs to know about where it runs. ``home`` holds all local state."""

    model_config = SettingsConfigDict(env_prefix="VISTO_", extra="ignore")

    home: Path = Path(".visto")
    environment: str = "development"
    namespace: str = "default"
    database_url: str | None = None
    temporal_address: str = "127.0.0.1:7233"
    temporal_namespace: str = "default"
    temporal_tls: bool = False
    temporal_api_key: SecretStr | None = None
    chroma_url: str | None = None
    api_host: str = "127.0.0.1"
    api_port: int = 8400
    public_url: str | None = None
    files_root: Path | None = None
    journal_key: SecretStr | None = None
    payload_key: SecretStr | None = None
    connections_file: Path | None = None
    trusted_proxies: str = ""
    oidc_issuer: str | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = None
    oidc_name: str = "single sign-on"
    oidc_groups_claim: str | None = None
    oidc_sign_up: Literal["viewer"] | None = None
    requests_per_second: float = 200
    slack_bot_token: SecretStr | None = None
    slack_signing_secret: SecretStr | None = None
    slack_app_token: SecretStr | None = None
    slack_channel: str | None = None
    slack_api_url: str | None = None
    mail_url: SecretStr | None = None
    mail_from: str | None = None
    mail_to: Literal["named", "asked"] = "named"
    relay_every: timedelta = timedelta(seconds=1)
    worker_concurrency: int = 40
    worker_ai_concurrency: int = 20
    worker_bulk_concurrency: int = 2
    separate_ai: bool = False
    sticky_timeout: timedelta = timedelta(seconds=1)
    max_cached_workflows: int = 1000
    log_level: str = "INFO"

    @property
    def database(self) -> str:
        """URL of the store; by default a file under ``home``."""
        return self.database_url or f"sqlite:///{self.home.absolute() / 'visto.db'}"

    @property
    def files(self) -> Path:
        """The folder that file connectors may touch."""
        return (self.files_root or self.home / "files").absolute()

    @property
    def artifacts(self) -> Path:
        return (self.home / "artifacts").absolute()

    @property
    def keys(self) -> Path:
        return (self.home / "keys").absolute()

    @property
    def api_url(self) -> str:
        """Where people and programs reach this installation."""
        return self.public_url or f"http://{self.api_host}:{self.api_port}"
