"""What stands between the pages and whoever asks for them: names, origins, headers, sizes, a passphrase, an end."""
