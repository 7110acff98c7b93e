"""The traces: which channels, filtered how, from when, and what is under the cursor; the panel that shows them."""
