"""Programs for people who write no code: the command `umbed-keras`, and the plugin of napari.

Each module of a subcommand has `add_arguments`, which imports nothing large, and `run`.
"""
