"""What a worker machine does: read and embed the files of a chunk, assign the run's images, place them in folders.

Nothing here knows the queue; `tasks` calls these functions, and tests call them without one.
"""
