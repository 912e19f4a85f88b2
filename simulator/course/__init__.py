"""The course: chapters as Markdown files, one a language; what they claim, and the exercises that they ask for."""
