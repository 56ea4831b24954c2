"""Files of images: found, decoded into sRGB, and read as tensors."""
