"""Histories from elsewhere: transactions of reads and writes as their clients saw them, in Jepsen's form, at any size.

Read from a file (`read`, `edn`), gathered by kind of data (`lists`, `registers`), made into a graph of conflicts
(`conflicts`), and judged (`check`, `models`). No server and no schedule is known, only what the clients saw.
"""
