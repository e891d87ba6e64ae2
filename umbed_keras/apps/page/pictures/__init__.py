"""Pictures of images and of what is known of them."""
