    echo $(tr ' ' '\n' <<< "$1" | sort -n -u)
}
