"""Domain model: resources, their stores and their orders; no HTTP."""
