"""Lists of users as auditable objects."""
