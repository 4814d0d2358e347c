"""Endpoints of the service, one module per resource."""
