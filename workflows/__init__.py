"""Visto's orchestration: flow language, gates, interpreter, journal and store.

The distribution ``llama-index-workflows`` installs an import package of the same name. Our folder comes
first on ``sys.path``; extending ``__path__`` lets LlamaIndex find its own submodules behind ours.
"""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
