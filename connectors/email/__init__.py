"""Mail: what a letter is, and handing it to the installation's mail server."""
