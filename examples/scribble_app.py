"""Opens a page in the browser on which a few strokes segment an image.

    pip install -e ".[torch,page]" && python examples/scribble_app.py

The page is served to this machine only and needs no network. Files are kept in a temporary folder,
which is removed at the end. The vectors of an image are computed once; each stroke then only trains
the classifier.
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
    parser.add_argument("--preset", default="free_lite0_vae_d32", help="preset of the vectors")
    parser.add_argument("--port", type=int, help="default: the first free port from 7860 on")
    args = parser.parse_args()
    if importlib.util.find_spec("gradio") is None:
        parser.error("this needs gradio: pip install 'umbed_keras[page]'")
    # On SIGTERM, too, the temporary folder is removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with tempfile.TemporaryDirectory(prefix="scribble_app_") as folder:
        tempfile.tempdir = folder
        os.environ.update(
            GRADIO_TEMP_DIR=folder,
            GRADIO_ANALYTICS_ENABLED="False",
            GRADIO_RUN_HISTORY="False",
            MPLCONFIGDIR=folder,
        )
        # Imported here because Gradio and Matplotlib read the environment at import.
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
            # No image is higher than the window.
            css="#segmentation img, #uncertainty img, #similar img { max-height: 85vh }",
        )
        print(f"{address} (Ctrl-C ends it)", flush=True)
        blocks.block_thread()


if __name__ == "__main__":
    main()
