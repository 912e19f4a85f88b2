"""What several pages are made of: the score and other drawings, guesses, what is made and kept for a person."""
