"""Which of the mistakes a pasted piece of code shows signs of: the text is parsed, never executed or imported."""
