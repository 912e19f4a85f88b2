"""What pasted code is looked at for, a module a subject."""
