"""One row a user as of a cut-off: what is known of everybody at that moment, and nothing later."""
