"""The store: tables, migrations and repositories. The only SQL of the product."""
