"""The only place where a gate's fate is written: every request is one transaction with its journal records.

Modules: ``opening`` ``deciding`` ``editing`` ``concluding`` ``settling`` ``expiring`` ``undoing`` ``handling``
(claim, assign, comment, view) ``withdrawing`` ``bulk`` ``preflight`` ``pause``; ``model`` holds requests and results.
"""
