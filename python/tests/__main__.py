"""Runs all tests, or those that are named, and says of what was skipped why, in the words of tools/ctest."""

import os
import signal
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))


def main(names):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job begins with it ignored
    loader = unittest.TestLoader()
    if names:
        suite = loader.loadTestsFromNames(["tests." + name for name in names])
    else:
        suite = loader.discover(HERE, top_level_dir=os.path.dirname(HERE))
    result = unittest.TextTestRunner(verbosity=1).run(suite)
    for test, why in result.skipped:
        print("skipped: %s (%s)" % (test.id(), why))
    return 0 if result.wasSuccessful() and result.testsRun > 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
