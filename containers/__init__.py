"""Environments, image recipes and what is known of their lives, as data: this package holds no code."""
