  return l.map((value) => value + 1);
}
