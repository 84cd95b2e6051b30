"""From a dataset to trained weights: two loops, each read once from top to bottom."""
