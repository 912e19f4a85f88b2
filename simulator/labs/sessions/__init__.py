"""The Session lifecycle lab: requests of an AI-agent backend, from the request to the pool and back."""
