        return l.stream().map(value -> value + 1).collect(Collectors.toCollection(ArrayList::new));
    }
