    $counts = array_count_values(array_filter(explode(" ", $test), fn($word) => $word !== ""));
    $most = $counts ? max($counts) : 0;
    return array_filter($counts, fn($count) => $count === $most);
}
