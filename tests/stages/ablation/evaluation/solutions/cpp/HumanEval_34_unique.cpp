    std::set<long> found(l.begin(), l.end());
    return std::vector<long>(found.begin(), found.end());
}
