"""File operations: one class per action, with `apply`, `recover` and `undo` beside each other.

copy, link, move, remove, folder   the operations on files; `files` picks the class of an action
objects                            the same operations on the objects of a bucket
output                             what a `sandbox` (folder) and a `bucket` have in common
batch                              many operations through the journal: apply, recover, undo; `staging` for copies
own_files                          replacing and removing files of ours that are in no journal, such as the report
"""
