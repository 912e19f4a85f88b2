"""What the Sessions page is made of."""
