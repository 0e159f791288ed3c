"""Who may call what: one row per route. A route without a row does not start the API; a row without a route neither.

A caller needs the row's scope on their key, and, if they are a person, one of its roles. A service has no roles: what it
may do is its key's scopes. Tenancy is not here: every use case works in the key's own namespace.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Scope = Literal[
    "flows:read", "flows:write", "executions:start", "executions:read", "gates:read", "gates:decide",
    "journal:read", "knowledge:read", "knowledge:write", "admin",
]  # fmt: skip
SCOPES: tuple[Scope, ...] = (
    "flows:read", "flows:write", "executions:start", "executions:read", "gates:read", "gates:decide",
    "journal:read", "knowledge:read", "knowledge:write", "admin",
)  # fmt: skip

VIEWER, AUTHOR, REVIEWER, ADMIN, AUDITOR = "viewer", "author", "reviewer", "admin", "auditor"
EVERYBODY = frozenset({VIEWER, AUTHOR, REVIEWER, ADMIN, AUDITOR})
WRITERS = frozenset({AUTHOR, ADMIN})
STARTERS = frozenset({AUTHOR, REVIEWER, ADMIN})
REVIEWERS = frozenset({REVIEWER, ADMIN})
AUDITORS = frozenset({AUDITOR, ADMIN})
INVOLVED = STARTERS | AUDITORS
ADMINS = frozenset({ADMIN})


@dataclass(frozen=True, slots=True)
class Policy:
    """``scope`` None means any valid key; ``public`` means no key at all."""

    scope: Scope | None = None
    roles: frozenset[str] = EVERYBODY
    public: bool = False


PUBLIC = Policy(public=True)
READ_FLOWS = Policy("flows:read")
WRITE_FLOWS = Policy("flows:write", WRITERS)
READ_RUNS = Policy("executions:read")
START_RUNS = Policy("executions:start", STARTERS)
READ_GATES = Policy("gates:read")
DECIDE = Policy("gates:decide", REVIEWERS)
READ_JOURNAL = Policy("journal:read", AUDITORS)
READ_CONTENTS = Policy("executions:read", INVOLVED)  # what was asked and answered, of one gate or execution at a time
ADMINISTER = Policy("admin", ADMINS)

POLICIES: dict[str, Policy] = {
    "health": PUBLIC,
    "ready": PUBLIC,
    "live": PUBLIC,
    "ready_probe": PUBLIC,
    "openapi_document": PUBLIC,
    "docs_page": PUBLIC,
    "receive_webhook": PUBLIC,  # its own authentication is the trigger's
    "slack_events": PUBLIC,  # its own authentication is Slack's signature
    "me": Policy(),
    # flows
    "list_flows": READ_FLOWS,
    "flow_schema": READ_FLOWS,
    "get_flow": READ_FLOWS,
    "list_revisions": READ_FLOWS,
    "get_revision": READ_FLOWS,
    "flow_graph": READ_FLOWS,
    "validate_flow": READ_FLOWS,
    "save_flow": WRITE_FLOWS,
    "save_flow_as": WRITE_FLOWS,
    "set_flow_state": WRITE_FLOWS,
    # executions
    "start_execution": START_RUNS,
    "list_executions": READ_RUNS,
    "get_execution": READ_RUNS,
    "execution_result": READ_RUNS,
    "execution_timeline": READ_RUNS,
    "cancel_execution": START_RUNS,
    "restart_execution": START_RUNS,
    # gates
    "list_gates": READ_GATES,
    "get_gate": READ_GATES,
    "view_gate": READ_GATES,
    "preview_edit": DECIDE,
    "decide_gate": DECIDE,
    "decide_gates": DECIDE,
    "undo_decision": DECIDE,
    "claim_gate": DECIDE,
    "release_gate": DECIDE,
    "assign_gate": DECIDE,
    "extend_gate": DECIDE,
    "comment_gate": Policy("gates:decide", STARTERS),
    # journal
    "verify_journal": READ_JOURNAL,
    "search_journal": READ_JOURNAL,
    "explain_execution": READ_JOURNAL,
    "export_journal": READ_JOURNAL,
    "gate_as_seen": READ_JOURNAL,
    "erase_subject": ADMINISTER,
    # knowledge
    "list_knowledge": Policy("knowledge:read"),
    "search_knowledge": Policy("knowledge:read"),
    "add_document": Policy("knowledge:write", WRITERS),
    # people and brakes
    "list_principals": ADMINISTER,
    "create_principal": ADMINISTER,
    "correct_principal": ADMINISTER,
    "disable_principal": ADMINISTER,
    "grant_role": ADMINISTER,
    "revoke_role": ADMINISTER,
    "add_identity": ADMINISTER,
    "list_groups": ADMINISTER,
    "create_group": ADMINISTER,
    "remove_group": ADMINISTER,
    "add_group_member": ADMINISTER,
    "remove_group_member": ADMINISTER,
    "list_keys": ADMINISTER,
    "create_key": ADMINISTER,
    "revoke_key": ADMINISTER,
    "list_pauses": READ_FLOWS,
    "pause": ADMINISTER,
    "resume": ADMINISTER,
    # the console: its frame
    "static_file": PUBLIC,
    "home_page": Policy(),
    "live_events": Policy("gates:read"),
    "choose_theme": PUBLIC,
    "design_page": Policy(),
    "mail_link_page": PUBLIC,  # the link is signed, personal and expires
    "decide_by_mail": PUBLIC,  # and asks for the right to decide like every channel
    "inbox_page": READ_GATES,
    "inbox_states": READ_GATES,
    "inbox_fresh": READ_GATES,
    "inbox_waiting": READ_GATES,
    "inbox_next": READ_GATES,
    "save_inbox_view": READ_GATES,
    "delete_inbox_view": READ_GATES,
    "inbox_decide": DECIDE,
    "inbox_undo": DECIDE,
    # the console: signing in, and one's own account
    "sign_in_page": PUBLIC,
    "sign_in": PUBLIC,
    "sign_out": PUBLIC,
    "link_page": PUBLIC,
    "sign_in_by_link": PUBLIC,
    "password_page": PUBLIC,
    "set_password": PUBLIC,
    "start_oidc": PUBLIC,
    "finish_oidc": PUBLIC,
    "account_page": Policy(),
    "change_password": Policy(),
    "end_session": Policy(),
    "end_other_sessions": Policy(),
    # the console: what is run
    "knowledge_page": Policy("knowledge:read"),
    "collection_page": Policy("knowledge:read"),
    "document_page": Policy("knowledge:read"),
    "add_knowledge_page": Policy("knowledge:write", WRITERS),
    "add_knowledge": Policy("knowledge:write", WRITERS),
    "remove_knowledge": Policy("knowledge:write", WRITERS),
    "journal_page": READ_JOURNAL,
    "record_page": READ_JOURNAL,
    "as_seen_page": READ_JOURNAL,
    "as_seen_file": READ_JOURNAL,
    "export_records": READ_JOURNAL,
    "verify_now": READ_JOURNAL,
    "verification_page": READ_JOURNAL,
    "verification_now": READ_JOURNAL,
    "erase_page": ADMINISTER,
    "erase_contents": ADMINISTER,
    "people_page": ADMINISTER,
    "new_person_page": ADMINISTER,
    "add_person": ADMINISTER,
    "person_page": ADMINISTER,
    "correct_person": ADMINISTER,
    "save_roles": ADMINISTER,
    "save_groups": ADMINISTER,
    "add_an_identity": ADMINISTER,
    "remove_an_identity": ADMINISTER,
    "make_password_link": ADMINISTER,
    "password_link_page": ADMINISTER,
    "set_access": ADMINISTER,
    "groups_page": ADMINISTER,
    "add_group": ADMINISTER,
    "group_page": ADMINISTER,
    "remove_this_group": ADMINISTER,
    "change_members": ADMINISTER,
    "connections_page": WRITE_FLOWS,
    "keys_page": ADMINISTER,
    "make_key": ADMINISTER,
    "new_key_page": ADMINISTER,
    "revoke_this_key": ADMINISTER,
    "brakes_page": READ_FLOWS,
    "brakes_now": READ_FLOWS,
    "stop_effects": ADMINISTER,
    "release_brake": ADMINISTER,
    # the console: executions
    "executions_page": READ_RUNS,
    "execution_rows": READ_RUNS,
    "act_on_executions": START_RUNS,
    "execution_page": READ_RUNS,
    "execution_elements_page": READ_RUNS,
    "execution_timeline_page": READ_RUNS,
    "execution_journal_page": READ_RUNS,
    "execution_record": READ_CONTENTS,
    "cancel_run": START_RUNS,
    "restart_run": START_RUNS,
    # the console: flows
    "flows_page": READ_FLOWS,
    "new_flow_page": WRITE_FLOWS,
    "create_flow": WRITE_FLOWS,
    "check_new_flow": WRITE_FLOWS,
    "flow_words_data": READ_FLOWS,
    "flow_source_page": READ_FLOWS,
    "check_flow_text": READ_FLOWS,
    "save_flow_text": WRITE_FLOWS,
    "merge_flow_text": WRITE_FLOWS,
    "change_flow_state": WRITE_FLOWS,
    "flow_graph_page": READ_FLOWS,
    "flow_run_page": START_RUNS,
    "run_flow": START_RUNS,
    "flow_revisions_page": READ_FLOWS,
    "flow_revision_page": READ_FLOWS,
    "compare_revisions_page": READ_FLOWS,
    "restore_revision": WRITE_FLOWS,
    "flow_triggers_page": READ_FLOWS,
    "flow_activity_page": READ_FLOWS,
    # the console: one gate
    "gate_page": READ_GATES,
    "gate_as_shown": READ_GATES,
    "gate_calls": READ_CONTENTS,
    "gate_passage": Policy("knowledge:read"),
    "gate_seen": READ_GATES,
    "gate_decide": DECIDE,
    "gate_preview": DECIDE,
    "gate_undo": DECIDE,
    "gate_claim": DECIDE,
    "gate_release": DECIDE,
    "gate_assign": DECIDE,
    "gate_extend": DECIDE,
    "gate_comment": Policy("gates:decide", STARTERS),
}
