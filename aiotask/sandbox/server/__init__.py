"""HTTP server: connections, admission and injected faults."""
