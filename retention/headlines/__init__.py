"""Headline numbers over mature data, how they changed, and what their change is made of."""
