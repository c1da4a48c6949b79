"""Datasets that lie in a user's folder: registration, layouts of folders, audits against published counts."""
