"""Programs for people who write no code: the command `umbed-keras`.

Each module of a subcommand has `add_arguments`, which imports nothing large, and `run`.
"""
