"""Schemas of a voice and the numbered steps between them: what an older voice's documents say in today's words."""
