        long sum = numbers.Sum();
        long product = numbers.Aggregate(1L, (a, b) => a * b);
        return Tuple.Create(sum, product);
    }
