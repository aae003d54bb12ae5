        long sum = 0;
        long product = 1;
        for (long value : numbers) {
            sum += value;
            product *= value;
        }
        return Pair.with(sum, product);
    }
