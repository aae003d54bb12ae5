"""Git repositories, read from the object store without running what they carry."""
