        return new string(text.Where(c => !"aeiouAEIOU".Contains(c)).ToArray());
    }
