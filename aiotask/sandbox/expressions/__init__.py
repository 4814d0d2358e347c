"""TaskRouter's expression language."""
