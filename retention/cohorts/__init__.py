"""Cohort retention: how much of each cohort comes back, and when."""
