"""One file per subject. Routes translate between HTTP and use cases and decide nothing."""
