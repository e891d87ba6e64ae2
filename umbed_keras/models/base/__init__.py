"""What all models share: fitting, starting values, compression, export."""
