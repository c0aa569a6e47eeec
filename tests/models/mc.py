"""A breadth-first explicit-state model checker: the first trace for a broken promise is a shortest one."""

import sys
from collections import deque
from multiprocessing import Pool


def explore(init, successors, final, limit=3_000_000):
    """Visits every state. `successors(state)` yields (label, next state, broken promises), and
    `final(state)` returns the promises that are broken at rest, or None if the state is not at rest."""
    parent, queue, found, edges, rest = {init: None}, deque([init]), {}, 0, 0

    def trace(state, last=None):
        steps = [last] if last else []
        while parent[state]:
            state, label = parent[state]
            steps.append(label)
        return steps[::-1]

    while queue:
        state = queue.popleft()
        bad = final(state)
        rest += bad is not None
        for name in bad or ():
            found.setdefault(name, trace(state))
        before = edges
        for label, nxt, broken in successors(state):
            edges += 1
            for name in broken:
                if name not in found:
                    found[name] = trace(state, label)
            if nxt not in parent:
                parent[nxt] = (state, label)
                queue.append(nxt)
        if edges == before and bad is None:
            found.setdefault("stuck: no process can continue", trace(state))
        if len(parent) > limit:
            return {
                "states": len(parent),
                "edges": edges,
                "rest": rest,
                "complete": False,
                "found": found,
            }
    return {"states": len(parent), "edges": edges, "rest": rest, "complete": True, "found": found}


def check(job, cases, clauses):
    """Runs every case with all clauses, which must break no promise, and with none, which must break
    some: otherwise the model could not find anything. Promises that begin with `residual` are the
    known limits. Returns the exit code."""
    every, failed = frozenset(clauses), False
    for chosen in (every, frozenset()):
        states, found, complete = 0, {}, True
        with Pool() as pool:
            for result in pool.imap_unordered(job, [(*case, chosen) for case in cases]):
                states += result["states"]
                complete &= result["complete"]
                for name, steps in result["found"].items():
                    if name not in found or len(steps) < len(found[name]):
                        found[name] = steps
        broken = {name: steps for name, steps in found.items() if not name.startswith("residual")}
        title = "with every clause" if chosen else "without the clauses"
        print(f"{title}: {states} states, {len(broken)} broken promises")
        if chosen:
            failed |= bool(broken) or not complete
            for name, steps in broken.items():
                print(f"  {name}")
                for step in steps:
                    print(f"    {step}")
        else:
            failed |= not broken
    return 1 if failed else 0


def main(job, cases, clauses):
    sys.exit(check(job, cases, clauses))
