"""Every reported number: its function and its description."""
