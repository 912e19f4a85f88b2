"""What the page of one's own application is made of."""
