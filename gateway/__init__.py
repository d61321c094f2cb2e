"""The gateway: HTTP and JSON at the front, gRPC behind, and the console."""
