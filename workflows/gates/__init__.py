"""Gates, pure: what is suggested, who may decide, what was seen. No clock, no database, no network."""
