"""The console: pages for reviewers, authors, operators and auditors, made on the server and working without scripts."""
