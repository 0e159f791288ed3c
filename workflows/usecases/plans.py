"""Plans of stored revisions. A revision is immutable, so its plan is read and validated once per process."""

from __future__ import annotations

from collections import OrderedDict

from workflows.flow.planned import FlowPlan
from workflows.store.repositories.flows import Revision

MAX_REMEMBERED = 256
_remembered: OrderedDict[tuple[str, str, int, str], FlowPlan] = OrderedDict()


def plan_of(namespace: str, revision: Revision) -> FlowPlan:
    """The revision's plan, with the number under which it was saved."""
    name = (namespace, revision.flow_id, revision.number, revision.sha256)
    plan = _remembered.get(name)
    if plan is None:
        identity = {"namespace": namespace, "revision": revision.number, "revision_sha256": revision.sha256}
        plan = FlowPlan.model_validate({**revision.plan, **identity})
        _remembered[name] = plan
        if len(_remembered) > MAX_REMEMBERED:
            _remembered.popitem(last=False)
    return plan
