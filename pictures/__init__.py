"""Methods applied to pictures that somebody wants to publish: no dataset, no protocol, no numbers."""
