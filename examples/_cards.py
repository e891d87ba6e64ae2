"""The card of a preset."""


def write_card(folder, usage, picture, config, data, command, protocol, figures):
    """Writes `README.md` of a preset.

    Args:
        folder: path of the preset.
        usage: Python source, lines that load and use it.
        picture: what `figure.png`, beside the card, shows.
        config: name to value, what the model is.
        data: data and licence.
        command: what trains it.
        protocol: how the quality was measured.
        figures: name to float, the quality.
    """
    lines = [
        f"# {folder.name}",
        "",
        "```python",
        *usage,
        "```",
        "",
        f"![{picture}](figure.png)",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in config.items()),
        "",
        "## Data and licence",
        "",
        data,
        "",
        "## Training",
        "",
        "Weights are stored as float16, statistics as float32. The command that makes it:",
        "",
        "```bash",
        command,
        "```",
        "",
        "## Quality, measured on the stored weights",
        "",
        protocol,
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {value:.4g} |" for name, value in figures.items()),
        "",
    ]
    (folder / "README.md").write_text("\n".join(lines))


def bottleneck_settings(bottleneck):
    """What a card says of a bottleneck: name to value."""
    config = bottleneck.get_config()
    names = (
        "num_embeddings",
        "num_quantizers",
        "num_atoms",
        "sparsity",
        "coefficient_bits",
        "kl_weight",
    )
    found = {name.replace("_", " "): config[name] for name in names if name in config}
    return {"bottleneck": type(bottleneck).__name__, **found}
