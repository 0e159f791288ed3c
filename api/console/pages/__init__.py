"""One module per section of the console; each has a ``router`` that ``api.console.mount`` lists."""
