"""The exit codes of ``drgbridge``; ``docs/cli.md`` has the list."""

DONE = 0
UNEXPECTED = 1
USAGE = 2
DONE_WITH_REJECTIONS = 3
INVALID = 4
RESUMABLE = 5
LOCKED = 75
INTERRUPTED = 130
READER_GONE = 141
TERMINATED = 143
