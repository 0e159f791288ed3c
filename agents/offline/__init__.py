"""The offline model: a LangChain chat model that fills schemas from labels, examples and retrieved text.

It is not a language model and says so. It needs no key, no network and no download, and is deterministic.
"""
