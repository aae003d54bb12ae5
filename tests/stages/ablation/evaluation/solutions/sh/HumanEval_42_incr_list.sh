    local value result=()
    for value in $1; do
        result+=($((value + 1)))
    done
    echo "${result[*]}"
}
