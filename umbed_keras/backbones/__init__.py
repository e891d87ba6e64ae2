"""Backbones: frozen pretrained networks whose features a model describes."""
