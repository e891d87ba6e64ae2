"""Applications for people who segment images."""
