"""The pages of schedules, Anomalies and Locks: picker, score, transport, state, verdict, driving by hand."""
