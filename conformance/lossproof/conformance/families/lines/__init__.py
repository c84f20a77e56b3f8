"""Wrong lines: the answers of code that is one line away from right, in plain arithmetic, to recognise it by."""
