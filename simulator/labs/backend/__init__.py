"""The product that the labs send requests to: the database of an AI-agent application."""
