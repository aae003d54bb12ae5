    local value sum=0 product=1
    for value in $1; do
        sum=$((sum + value))
        product=$((product * value))
    done
    echo "$sum $product"
}
