"""Servers that the benchmarks run against, each a process of its own."""
