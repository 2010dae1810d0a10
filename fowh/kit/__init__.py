"""What plug-ins build on."""
