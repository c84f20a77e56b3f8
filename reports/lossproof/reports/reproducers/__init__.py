"""One standalone script for each finding, in the framework's own words."""
