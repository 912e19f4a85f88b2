"""FastAPI for real: small applications behind uvicorn on loopback, called by httpx over sockets."""
