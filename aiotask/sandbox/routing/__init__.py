"""Task routing: which worker is offered which task, and when."""
