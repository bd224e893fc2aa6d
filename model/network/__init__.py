"""The network, its weights files, and the engines that run it on a processor or a GPU."""
