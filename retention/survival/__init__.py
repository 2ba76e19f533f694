"""How long users stay, and what a buyer is worth."""
