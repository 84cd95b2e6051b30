"""Runs at the start of every Python that a test starts: see silent_trap.py beside it."""

import silent_trap

silent_trap.install()
silent_trap.forget_search_path()
