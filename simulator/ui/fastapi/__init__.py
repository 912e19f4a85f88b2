"""What the FastAPI page is made of."""
