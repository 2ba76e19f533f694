"""Growth: who is new, who comes back, who falls silent, and how much of the base is there on a day."""
