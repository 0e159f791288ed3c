"""Agents: LangChain agents made durable by the operation journal."""
