"""What surrounds every page: the server, who may come, navigation, language, address, and the one owner of runs."""
