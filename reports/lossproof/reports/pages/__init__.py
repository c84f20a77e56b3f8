"""The renderings: pages, summaries on the terminal, comparisons and timelines."""
