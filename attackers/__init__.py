"""Parts of attacks: what an attacker does to published images, and recognisers that he fits to them."""
