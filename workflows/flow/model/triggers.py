"""What starts a flow. ``inputs`` maps the event (``trigger`` in expressions) to the flow's inputs."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from workflows.flow.model.base import Condition, Duration, Identifier, Json, Part, refuse


class Trigger(Part):
    """The keys of every trigger."""

    id: Identifier
    type: str
    description: str = ""
    enabled: bool = True
    when: Condition | None = None
    inputs: dict[str, Json] = Field(default_factory=dict)


class WebhookAuth(Part):
    """How a call proves itself. ``secret`` is the *name* of a secret."""

    type: Literal["standard", "hmac", "bearer", "none"] = "standard"
    secret: str | None = None
    header: str | None = None

    @model_validator(mode="after")
    def _needs_a_secret(self) -> WebhookAuth:
        if self.type != "none" and not self.secret:
            raise refuse("missing-key", "`secret` is missing: the name of the secret that callers share with us")
        return self


class Webhook(Trigger):
    type: Literal["webhook"]
    auth: WebhookAuth
    connection: str | None = None


class Schedule(Trigger):
    type: Literal["schedule"]
    cron: str
    timezone: str = "UTC"
    catch_up: Literal["all", "last", "none"] = "last"


class S3Object(Trigger):
    type: Literal["s3.object"]
    connection: str
    bucket: str | None = None
    prefix: str = ""
    every: Duration = "1m"


class FileArrival(Trigger):
    type: Literal["file.arrival"]
    path: str
    pattern: str = "*"
    every: Duration = "10s"


class KafkaMessage(Trigger):
    type: Literal["kafka.message"]
    connection: str
    topic: str
    group: str | None = None


class FlowEnded(Trigger):
    type: Literal["flow"]
    flow: str
    states: list[Literal["succeeded", "warning", "failed", "rejected", "cancelled", "timed_out"]] = Field(
        default=["succeeded", "warning"]
    )


class SlackCommand(Trigger):
    type: Literal["slack.command"]
    command: str = Field(pattern=r"^/[a-z0-9_-]{1,31}$")


TRIGGERS: dict[str, type[Trigger]] = {
    "webhook": Webhook,
    "schedule": Schedule,
    "s3.object": S3Object,
    "file.arrival": FileArrival,
    "kafka.message": KafkaMessage,
    "flow": FlowEnded,
    "slack.command": SlackCommand,
}
AVAILABLE_TRIGGERS = frozenset({"webhook"})
