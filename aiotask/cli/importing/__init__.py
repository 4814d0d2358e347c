"""Import engine of the command line: input, rows, results, resumption."""
