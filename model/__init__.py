"""Network, preprocessing, weights, distance, assignment and evaluation: the numerics of Oshiwake.

Nothing here knows queues or the folders of users. Importing this package loads neither torch nor
Pillow; the modules that need them say so.
"""
