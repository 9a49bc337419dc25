"""The shell around the pure core: devices, memory, images in, shards out."""
