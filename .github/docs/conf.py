"""Configuration of the documentation: `sphinx-build -W .github/docs site`, in a checkout.

Pages of the reference are written into `reference/`, and those of the guides into `guides/`, which
sphinx-gallery makes of `examples/guides` by running them. Nothing is fetched.
"""

import inspect
import os
import re
import shutil
import tempfile
from importlib import import_module
from pathlib import Path

os.environ.setdefault("TQDM_DISABLE", "1")
DOCS = Path(__file__).parent
ROOT = DOCS.parents[1]

import matplotlib  # noqa: E402

import umbed_keras as uk  # noqa: E402

matplotlib.use("Agg")

project = "umbed_keras"
author = "the authors of umbed_keras"
release = version = uk.__version__
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_gallery.gen_gallery",
    "myst_parser",
]
# Names in single backticks lead to their pages; where there is none, they are code.
default_role = "py:obj"
exclude_patterns = ["templates"]
templates_path = ["templates"]
suppress_warnings = ["config.cache"]

autosummary_generate = True
autodoc_inherit_docstrings = False
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "groupwise"
# A class has its page, on which its arguments stand once.
autodoc_class_signature = "mixed"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
napoleon_custom_sections = [("Call arguments", "params_style")]


def own_figures(block, block_vars, gallery_conf):
    """Saves the figures of `umbed_keras.plots` in the variables of a guide, each once."""
    from sphinx_gallery.scrapers import figure_rst

    from umbed_keras.plots._figure import Figure
    from umbed_keras.plots.figures import Figures

    files = []
    for value in list(block_vars["example_globals"].values()):
        drawn = [value] if isinstance(value, Figure) else []
        if isinstance(value, Figures):
            drawn = list(value.values())
        for figure in drawn:
            if not hasattr(figure, "in_guide"):
                figure.in_guide = True
                files.append(next(block_vars["image_path_iterator"]))
                figure.savefig(files[-1], dpi=100)
    return figure_rst(files, gallery_conf["src_dir"])


# Guides run where they lie, and some write files: they lie in a temporary folder.
temporary = tempfile.TemporaryDirectory()
guides = shutil.copytree(ROOT / "examples" / "guides", Path(temporary.name) / "guides")
sphinx_gallery_conf = {
    "image_scrapers": ("matplotlib", own_figures),
    "examples_dirs": str(guides),
    "gallery_dirs": "guides",
    "filename_pattern": "/",
    "within_subsection_order": "FileNameSortKey",
    "min_reported_time": 1e9,
    "show_memory": False,
    "show_signature": False,
    "plot_gallery": True,
    "abort_on_example_error": True,
    "download_all_examples": False,
    "remove_config_comments": True,
    "capture_repr": (),
}

html_theme = "pydata_sphinx_theme"
html_title = "umbed_keras"
html_show_sourcelink = False
html_static_path = ["static"]
html_css_files = ["site.css"]
# Guides have wide lines of code.
html_sidebars = {"guides/*": []}
html_theme_options = {
    "logo": {"text": "umbed_keras"},
    "navbar_end": ["theme-switcher"],
    "show_prev_next": False,
    "collapse_navigation": True,
    "navigation_depth": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}
copyright = "the authors of umbed_keras, Apache-2.0"

# Module to its title in the reference. What `umbed_keras` has itself is documented there.
MODULES = {
    "umbed_keras": "Models, images and presets",
    "umbed_keras.segmentation": "Segmentation and measurements",
    "umbed_keras.backbones": "Backbones",
    "umbed_keras.layers": "Layers: bottlenecks and backbones",
    "umbed_keras.ops": "Operations on tensors",
    "umbed_keras.metrics": "Metrics",
    "umbed_keras.plots": "Figures",
    "umbed_keras.stores": "Stores",
    "umbed_keras.tuning": "Sweeps",
    "umbed_keras.zoo": "The zoo of presets",
}
HEADINGS = ((inspect.isclass, "Classes"), (inspect.isfunction, "Functions"))


def module_page(name, title):
    """Returns the page of a module: a table of its classes, and one of its functions."""
    module = import_module(name)
    public = {key: getattr(module, key) for key in sorted(module.__all__)}
    lines = [title, "=" * len(title), "", f".. py:module:: {name}", ""]
    # autosummary knows no `py:module`.
    lines += [f".. currentmodule:: {name}", "", module.__doc__, ""]
    elsewhere = {}
    # `umbed_keras.layers` has all layers, and backbones have a page of their own.
    others = [uk] * (module is not uk) + [uk.backbones] * (module is uk.layers)
    for is_kind, heading in HEADINGS:
        names = [key for key, value in public.items() if is_kind(value)]
        elsewhere |= {
            key: other.__name__ for other in others for key in names if key in other.__all__
        }
        names = [key for key in names if key not in elsewhere]
        if names:
            lines += [heading, "-" * len(heading), "", ".. autosummary::", "   :toctree: names"]
            lines += ["   :nosignatures:", "", *(f"   {key}" for key in names), ""]
    if elsewhere:
        links = ", ".join(f"`{other}.{key}`" for key, other in elsewhere.items())
        lines += [f"This module also has {links}.", ""]
    return "\n".join(lines)


def write_reference():
    """Writes a page for each public module, and one that lists them."""
    folder = DOCS / "reference"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, title in MODULES.items():
        (folder / f"{name}.rst").write_text(module_page(name, title))
    names = "\n".join(f"   {name}" for name in MODULES)
    intro = (
        "Everything that the package promises. Names that are not listed here may change.\n\n"
        "``import umbed_keras as uk`` is assumed in all examples."
    )
    (folder / "index.rst").write_text(
        f"Reference\n=========\n\n{intro}\n\n.. toctree::\n   :maxdepth: 1\n\n{names}\n"
    )


def write_commands():
    """Writes the page of the commands, from the help of each."""
    from umbed_keras.apps.arguments.command_parser import CommandParser
    from umbed_keras.apps.command import COMMANDS

    lines = ["Commands", "========", "", "``umbed-keras COMMAND`` in a shell. All read any image."]
    for name in COMMANDS:
        module = import_module(f"umbed_keras.apps.{name.replace('-', '_')}")
        parser = CommandParser(f"umbed-keras {name}", module.__doc__)
        module.add_arguments(parser)
        lines += ["", name, "-" * len(name), "", ".. code-block:: text", ""]
        lines += [f"   {line}".rstrip() for line in parser.format_help().splitlines()]
    (DOCS / "reference" / "commands.rst").write_text("\n".join(lines) + "\n")


# What `ArrayLike` of NumPy stands for, as far as autodoc tells.
ARRAY_LIKE = re.compile(r"~?numpy\._typing\._array_like\._Buffer.*?\| ~?typing\.Any")


def with_short_types(app, what, name, value, options, signature, result):
    """Gives the types of a signature the names that they have in the code."""
    return tuple(text and ARRAY_LIKE.sub("ArrayLike", text) for text in (signature, result))


def is_not_ours(app, what, name, member, skip, options):
    """Whether a member of a class comes from Keras or another library."""
    function = inspect.unwrap(getattr(member, "fget", None) or getattr(member, "__func__", member))
    module = getattr(function, "__module__", None) or ""
    return True if callable(function) and not module.startswith("umbed_keras") else None


def setup(app):
    app.connect("autodoc-process-signature", with_short_types)
    app.connect("autodoc-skip-member", is_not_ours)
    write_reference()
    write_commands()
