"""How sure a number is: resampling by identity, intervals, comparisons."""
