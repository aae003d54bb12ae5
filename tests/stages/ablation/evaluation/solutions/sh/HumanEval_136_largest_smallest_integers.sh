    local value below=None above=None
    for value in $1; do
        if ((value < 0)) && { [[ $below = None ]] || ((value > below)); }; then
            below=$value
        elif ((value > 0)) && { [[ $above = None ]] || ((value < above)); }; then
            above=$value
        fi
    done
    echo "$below $above"
}
