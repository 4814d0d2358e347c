"""Wire format: parameters in, answers out."""
