    local candidate best=None length=0
    for candidate in $1; do
        if ((${#candidate} > length)); then
            best=$candidate
            length=${#candidate}
        fi
    done
    echo "$best"
}
