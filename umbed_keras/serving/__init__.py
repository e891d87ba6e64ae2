"""What serves models to others."""
