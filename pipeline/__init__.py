"""How a run happens: configuration, engine, storage, receipts, statistics, inspection."""
