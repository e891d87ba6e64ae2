"""Opens a page in the browser on which a few strokes segment images.

  umbed-keras page
  umbed-keras page photos/
  umbed-keras page cells.tif more.tif
  umbed-keras page cells.umbed

The page shows the images and answers each stroke; it needs no network. All work is kept in a
project, which is saved after each change: that of the given file; or project.umbed beside the given
images; or, if nothing is given, one in the folder of your data. Closing the page or the program
loses nothing.

The page is served to this machine only. --host serves it to others, who then need the address with
the token that is printed: they can read the images and folders that are given here.
"""

from umbed_keras.apps.page.command import add_arguments, run

__all__ = ["add_arguments", "run"]
