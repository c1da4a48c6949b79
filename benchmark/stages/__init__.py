"""One task: what is computed from which inputs."""
