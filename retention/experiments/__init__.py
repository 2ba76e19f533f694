"""What an action changed: planned before, read back after."""
