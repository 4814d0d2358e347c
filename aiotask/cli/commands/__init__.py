"""Commands, one module for each of them or for each group."""
