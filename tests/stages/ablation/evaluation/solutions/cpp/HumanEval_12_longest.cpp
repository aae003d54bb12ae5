    std::optional<std::string> best;
    for (const auto &candidate : strings)
        if (!best || candidate.size() > best->size()) best = candidate;
    return best;
}
