"""What can be chosen about redaction."""

from pydantic import Field

from stages.contract import Options


class RedactOptions(Options):
    """Which kinds are looked for; each is replaced by `<KIND>` when shards are written."""

    email: bool = Field(True, description="e-mail addresses, as <EMAIL>")
    ip_address: bool = Field(
        True,
        description="public IPv4 and IPv6 addresses, as <IP_ADDRESS>; private, loopback and "
        "documentation ranges tell nothing about anybody and stay",
    )
    key: bool = Field(True, description="keys and tokens of seeds/secrets.toml, as <KEY>")
