"""Wire format: form parameters in, JSON answers out."""
