"""What the product does, as functions of a ``Services``: the API, the CLI and the console call these and nothing below."""
