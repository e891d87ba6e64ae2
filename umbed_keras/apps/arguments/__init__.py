"""Arguments that several subcommands have, and what follows from them."""
