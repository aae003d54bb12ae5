    $flipped = "";
    foreach (str_split($string) as $c) {
        $flipped .= ctype_upper($c) ? strtolower($c) : strtoupper($c);
    }
    return $flipped;
}
