"""Every Session mistake beside its fix: what the clients were told, what was stored, what leaked."""
