"""The Qt application: it attaches to a running session, and only looks. Importing this package loads no Qt."""
