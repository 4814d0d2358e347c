"""Task routing: offers of tasks to workers, workflow steps and deadlines."""
