"""How many users and how much revenue to expect, and how far to trust it."""
