        return text.SequenceEqual(text.Reverse());
    }
