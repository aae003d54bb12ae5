    echo "${1//[aeiouAEIOU]/}"
}
