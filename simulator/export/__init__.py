"""Results in forms that leave the program: JSON, text."""
