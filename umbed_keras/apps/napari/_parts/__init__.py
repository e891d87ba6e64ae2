"""Parts of the widget that know nothing of what is computed."""
