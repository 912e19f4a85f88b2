"""An order of steps as a test of pytest's that knows nothing of Txscope: `played.py` with the order written into it."""
