    $found = array_values(array_unique($l));
    sort($found);
    return $found;
}
