        return str.Length;
    }
