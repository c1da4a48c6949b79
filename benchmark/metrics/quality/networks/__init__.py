"""Networks behind quality metrics. They need torch: imported when a network is run, never to read the catalogue."""
