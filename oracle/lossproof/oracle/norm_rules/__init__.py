"""The norm rules: what stands under the dot product. `rules` has those built in, `registry` finds one by its name."""
