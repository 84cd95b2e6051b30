"""The matrix: one voice, judged on many runtimes, versions, Pythons, instruction sets and thread counts."""
