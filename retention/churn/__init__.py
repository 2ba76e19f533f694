"""Who will fall silent: a score from what is known at a moment, judged on what came later, beside the plain rules."""
