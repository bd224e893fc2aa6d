"""From the bytes of a file to the pixels that the network takes."""
