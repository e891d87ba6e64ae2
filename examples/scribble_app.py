"""A page: stroke a few pixels of each class and get the rest.

    pip install -e ".[torch,page]" && python examples/scribble_app.py

It answers to this machine alone, needs no network, and keeps files in a temporary folder, which it
removes at its end. An image's vectors are computed once: a stroke costs the classifier's time.
"""

import argparse
import importlib.util
import os
import signal
import sys
import tempfile


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--preset", default="natural_lite0_vae_d32", help="gives the vectors")
    parser.add_argument("--port", type=int, help="the first free one from 7860 by default")
    args = parser.parse_args()
    if importlib.util.find_spec("gradio") is None:
        parser.error("this needs gradio: pip install 'umbed_keras[page]'")
    # A terminated page, too, empties its folder.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with tempfile.TemporaryDirectory(prefix="scribble_app_") as folder:
        tempfile.tempdir = folder
        os.environ.update(
            GRADIO_TEMP_DIR=folder,
            GRADIO_ANALYTICS_ENABLED="False",
            GRADIO_RUN_HISTORY="False",
            MPLCONFIGDIR=folder,
        )
        # Not before: what is imported looks at the environment.
        from scribbles.page import Page, build

        from umbed_keras.segmentation import PixelClassifier

        blocks = build(Page(PixelClassifier(args.preset)))
        _, address, _ = blocks.launch(
            prevent_thread_lock=True,
            quiet=True,
            server_name="127.0.0.1",
            server_port=args.port,
            share=False,
            mcp_server=False,
            ssr_mode=False,
            max_file_size="50mb",
            footer_links=[],
            # No picture higher than the window, as the one with the strokes.
            css="#segmentation img, #uncertainty img, #similar img { max-height: 85vh }",
        )
        print(f"{address} (Ctrl-C ends it)", flush=True)
        blocks.block_thread()


if __name__ == "__main__":
    main()
