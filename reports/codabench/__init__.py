"""Challenges on codabench.org: the bundle that makes one, and the program that scores what comes in."""
