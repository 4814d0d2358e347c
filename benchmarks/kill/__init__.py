"""Kill test: a program that is killed while it imports."""
