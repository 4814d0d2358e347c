"""HTTP in and out: connections, admission, injected faults."""
