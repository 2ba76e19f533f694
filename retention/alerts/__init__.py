"""Rules on headline numbers, read anew with each version of the data."""
