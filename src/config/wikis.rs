//! Reads `wikis.yml`, the simple list of a farm's wikis.
