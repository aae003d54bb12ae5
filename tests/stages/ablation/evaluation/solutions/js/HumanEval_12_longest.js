  let best = undefined;
  for (const candidate of strings) {
    if (best === undefined || candidate.length > best.length) best = candidate;
  }
  return best;
}
