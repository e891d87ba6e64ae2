"""Images as squares of one size, to train on."""
