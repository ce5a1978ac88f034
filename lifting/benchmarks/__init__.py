"""Known answers to measure lifting against."""
