"""File operations: one class per action, with `apply`, `recover` and `undo` beside each other.

copy, link, move, remove, folder   the operations on files; `files` picks the class of an action
objects                            the same operations on the objects of a bucket
sandbox, bucket                    an output folder or bucket, in which operations are done
batch                              many operations through the journal: apply, recover, undo
"""
