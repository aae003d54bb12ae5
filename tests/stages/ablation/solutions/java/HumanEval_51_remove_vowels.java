        return text.replaceAll("[aeiouAEIOU]", "");
    }
