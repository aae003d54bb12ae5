    local n=$1 d
    if ((n < 2)); then
        echo false
        return
    fi
    for ((d = 2; d * d <= n; d++)); do
        if ((n % d == 0)); then
            echo false
            return
        fi
    done
    echo true
}
