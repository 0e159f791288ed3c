"""The workflow sandbox, told once what it would otherwise work out again for every payload.

The SDK asks each workflow instance, for every payload of every activation, for a serialization context and for the
storage it belongs to; answering costs a compiled snippet inside the sandbox each time. Our codec and converter use
neither, so the answers are constant. Measured: about a tenth of a worker's CPU time.
"""

from __future__ import annotations

from typing import Any

from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.converter import StorageDriverStoreContext
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import Info

PASSED_THROUGH = ("pydantic", "pydantic_core", "jinja2", "markupsafe", "rfc8785", "workflows", "annotated_types")
"""Pure modules that the workflow sandbox shares instead of loading them again for every workflow."""

NO_STORE = StorageDriverStoreContext(target=None)


class Instance(WorkflowInstance):
    """A sandboxed instance with constant contexts."""

    def __init__(self, inner: WorkflowInstance) -> None:
        self._inner = inner

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        return self._inner.activate(act)

    def get_serialization_context(self, command_info: Any) -> None:  # noqa: ARG002  the interface asks for it
        return None

    def get_external_store_context(self, command_info: Any) -> StorageDriverStoreContext:  # noqa: ARG002  as above
        return NO_STORE

    def get_info(self) -> Info:
        return self._inner.get_info()

    def get_thread_id(self) -> int | None:
        return self._inner.get_thread_id()


class Runner(SandboxedWorkflowRunner):
    """The sandbox as the worker and the replayer use it."""

    def __init__(self) -> None:
        super().__init__(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH))

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        return Instance(super().create_instance(det))
