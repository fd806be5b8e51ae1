"""A synthetic site: people walk through it, cameras look at it, and everything about it is known exactly."""
