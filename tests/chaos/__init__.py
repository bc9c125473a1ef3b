"""Jobs at work while processes are killed at random, ``make chaos``; not part of the test suite, for its length."""
