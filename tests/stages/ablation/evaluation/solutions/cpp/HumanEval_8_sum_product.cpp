    long sum = 0, product = 1;
    for (long value : numbers) {
        sum += value;
        product *= value;
    }
    return {sum, product};
}
