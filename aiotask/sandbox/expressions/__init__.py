"""Expression language of TaskRouter."""
