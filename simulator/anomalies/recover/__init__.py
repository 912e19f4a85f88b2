"""What a history tells of reads, writes and versions: all that the checker works with."""
