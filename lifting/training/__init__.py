"""Training the prior: motion capture taken apart, varied, put together, and the score network fitted to it."""
