  const counts = {};
  for (const word of test.split(" ")) {
    if (word) counts[word] = (counts[word] || 0) + 1;
  }
  const most = Math.max(0, ...Object.values(counts));
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count === most));
}
