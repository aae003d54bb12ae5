    local a=$1 b=$2 rest
    while ((b != 0)); do
        rest=$((a % b))
        a=$b
        b=$rest
    done
    echo "$a"
}
