"""The room for budgets, ledgers and attacks. Empty so far: nothing here promises anything yet."""

__version__ = "0.1.0"
