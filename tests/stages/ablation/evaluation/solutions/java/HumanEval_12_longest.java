        return strings.stream().reduce((best, next) -> next.length() > best.length() ? next : best);
    }
