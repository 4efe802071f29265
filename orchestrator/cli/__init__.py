"""The command line. Start at `main`."""

import gc

# Before anything is imported: looking for cycles among what is only imported would be a twelfth of a command's time.
gc.set_threshold(100_000)
