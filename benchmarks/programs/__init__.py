"""Programs that the benchmarks start as processes of their own, each on a core that is its own."""
