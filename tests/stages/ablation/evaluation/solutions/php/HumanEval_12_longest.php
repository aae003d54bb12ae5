    $best = null;
    foreach ($strings as $candidate) {
        if ($best === null || strlen($candidate) > strlen($best)) {
            $best = $candidate;
        }
    }
    return $best;
}
