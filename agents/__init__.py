"""Agents: LangChain agents made durable by the operation journal."""

import os

# Steps run side by side, so a matrix product needs no threads of its own. On busy cores they spend most of their
# time waiting for each other: one short text embedded costs 20-50 ms of CPU instead of 5. Read when numpy is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
