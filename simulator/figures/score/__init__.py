"""The score of a schedule: lanes, bars, waits, arrows; levels and variants side by side."""
