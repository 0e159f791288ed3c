"""One module per schema version. Released ones never change; later ones only add, so old code runs beside new."""
