"""What will be done: cells, tasks, sweeps, who searches whom."""
