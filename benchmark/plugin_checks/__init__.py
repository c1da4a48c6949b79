"""Contract checks of plug-ins, their material, and the scaffold of a new one."""
