"""What the Mistakes page is made of."""
