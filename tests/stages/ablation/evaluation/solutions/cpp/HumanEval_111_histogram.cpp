    std::map<std::string, long> counts, most;
    std::istringstream words(test);
    long highest = 0;
    for (std::string word; words >> word;) highest = std::max(highest, ++counts[word]);
    for (const auto &[word, count] : counts)
        if (count == highest) most[word] = count;
    return most;
}
