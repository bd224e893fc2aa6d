"""Finding heads in pictures: a small network, its training, and what it is used through."""
