"""Endpoints: what each path of the service answers."""
