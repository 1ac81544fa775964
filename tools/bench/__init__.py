"""The benchmark: figures side by side in one run, as ratios."""
