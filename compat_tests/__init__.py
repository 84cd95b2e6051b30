"""Suites that judge a voice through any program that can speak it, and know nothing of the toolkit that made it."""
