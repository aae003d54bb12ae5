"""What lies where: domains, directories and URL patterns, the sites that are seeds."""
