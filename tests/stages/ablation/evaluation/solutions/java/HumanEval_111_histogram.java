        HashMap<String, Long> counts = new HashMap<>();
        for (String word : test.split(" ")) {
            if (!word.isEmpty()) {
                counts.merge(word, 1L, Long::sum);
            }
        }
        long most = counts.values().stream().mapToLong(Long::longValue).max().orElse(0L);
        counts.values().removeIf(count -> count < most);
        return counts;
    }
