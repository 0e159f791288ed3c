"""Migrations, applied through ``workflows.store.migrate``. ``HEAD`` is the newest; names sort by age."""

HEAD = "0004"
