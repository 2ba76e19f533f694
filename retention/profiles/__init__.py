"""One user as a whole: what they did, how they compare, and what has been learned of them."""
