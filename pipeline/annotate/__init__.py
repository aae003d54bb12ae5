"""The annotation page: a person accepts or rejects the URL patterns that recall proposes."""
