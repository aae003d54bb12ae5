    std::string kept;
    for (char c : text)
        if (std::string("aeiouAEIOU").find(c) == std::string::npos) kept += c;
    return kept;
}
