"""A file comes in, checked, cast and counted; what the store receives is `Staged`."""
