"""The parser of command lines: help that shows defaults, and errors of one line."""

import argparse
from typing import Any, NoReturn


class CommandParser(argparse.ArgumentParser):
    """Parser whose help shows every default, and whose errors are one line, with exit status 2.

    Args:
        prog: name of the command, as messages state it.
        description: text of the help, whose line breaks are kept.

    Examples:
        >>> parser = CommandParser("umbed-keras measure")
        >>> _ = parser.add_argument("--min-size", type=int, default=0, help="pixels of an object")
        >>> print(parser.format_help().splitlines()[-1].strip())
        --min-size MIN_SIZE  pixels of an object (default: 0)
    """

    def __init__(self, prog: str, description: str | None = None, **options: Any) -> None:
        options.setdefault("formatter_class", _Formatter)
        super().__init__(prog, description=description, **options)

    def error(self, message: str) -> NoReturn:
        """Ends the process with a line that says what is wrong.

        Args:
            message: text; line breaks become spaces.
        """
        self.exit(2, f"{self.prog}: error: {' '.join(message.split())}\n")


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Adds the default to the help of each option that has one, unless it is stated there."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        stated = action.help is None or "default" in action.help
        default = action.default
        if stated or default is None or default is False or default == argparse.SUPPRESS:
            return action.help
        return f"{action.help} (default: %(default)s)"
