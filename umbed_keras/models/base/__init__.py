"""The base class of all models: training, starting values, compression, export."""
