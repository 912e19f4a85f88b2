"""What happened: events of schedules (`schedule`) and of applications (`application`), and their JSON form."""
