"""The embedded base: its dims, its weights, its recipe, its card."""
