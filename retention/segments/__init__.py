"""Groups of users: fitted, judged, described and compared."""
