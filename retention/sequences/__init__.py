"""Event sequences as vectors: what users did, in which order and how far apart."""
