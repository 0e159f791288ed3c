"""Every query of the product, one module per subject.

A function takes the transaction and the namespace first, finds nothing outside that namespace and changes nothing
there. Exceptions, by design: ``outbox.due`` (one relay serves all), ``pauses.*_everything`` (the operator's brake).
"""
