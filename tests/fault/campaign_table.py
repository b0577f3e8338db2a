"""What a campaign found, by kind of disturbance."""

from collections import Counter, defaultdict


def print_table(results, reference, seconds):
    rows = defaultdict(list)
    for result in results:
        rows[result.kind, result.tolerant].append(result)
    print(f"\n{'disturbed':18} {'ULFM':7} {'runs':>5} {'struck':>6} "
          f"{'resumes':>8} {'lost':>6} {'most':>5} {'stored':>6} {'end s':>6} {'failed':>6}")
    for (kind, tolerant), group in rows.items():
        count = len(group)
        print(f"{kind:18} {'with' if tolerant else 'without':7} {count:5} "
              f"{sum(r.struck for r in group):6} "
              f"{sum(r.resumes for r in group) / count:8.2f} "
              f"{sum(r.lost for r in group) / count:6.2f} "
              f"{max(r.most_lost for r in group):5} "
              f"{sum(r.redone for r in group):6} "
              f"{max(r.slowest_end for r in group):6.2f} "
              f"{sum(bool(r.failures) for r in group):6}")
    hit = Counter(stage for r in results for stage in set(r.stages))
    print("stages that were hit: " + ", ".join(
        f"{stage} {count}" for stage, count in hit.most_common()))
    print(f"{len(results)} runs, {sum(r.struck > 0 for r in results)} of them "
          f"disturbed, {sum(bool(r.failures) for r in results)} failed, "
          f"{seconds:.0f} s (undisturbed: {reference.tasks} tasks, "
          f"{reference.seconds:.1f} s)")
    print("resumes: mean; lost: tasks begun, not committed, and begun again "
          "(mean; most: by one kill;\nstored: those of all runs whose results "
          "were in the store already); end s: slowest end\nafter a "
          "disturbance that ends the run")
