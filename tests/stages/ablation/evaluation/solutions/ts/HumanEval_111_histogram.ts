  const counts = new Map<string, number>();
  for (const word of test.split(" ")) {
    if (word) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const most = Math.max(0, ...counts.values());
  const result: { [key: string]: number } = {};
  for (const [word, count] of counts) {
    if (count === most) result[word] = count;
  }
  return result;
}
