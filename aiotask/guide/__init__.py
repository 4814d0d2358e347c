"""Guide to aiotask as a site: its pages, and what makes the others; it is not installed."""
