"""Readers that look at a voice's files before anything loads them: what could do harm is refused, not survived."""
