"""Advice to whoever labels: how well labels are learned, and where to label next."""
