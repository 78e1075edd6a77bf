"""What is known and what it means: values and rules, with no I/O, no clock and no threads."""
