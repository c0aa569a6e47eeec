#!/usr/bin/env python3
"""The protocol "Rotating" of the design: every interleaving of runs, with crashes.

A record is (generation, active, pending, retiring, making). Any run may be killed between two steps.
The last process, `close`, starts after the others and meets no fault: it must leave no unused key.
"""

from collections import namedtuple

from mc import explore, main

CLAUSES = {
    "save": "every change of the record is generation + 1: sealed file, then store; the newest is used",
    "intent": "the label is saved before the key is created, and stays until a later run looks it up",
    "slots": "`key add` takes the lock; the pending key and our own active key become previous keys",
    "later": "a key that cannot be verified in time stays pending for the next run",
    "taken": "no key is revoked before the store has the record with the new key",
    "grace": "a later run revokes the previous key, after the grace period; no new key before that",
    "ask": "two slots: the provider is asked which slot contains the active key",
    "atonce": "roll: the new value is active at once; after a lost answer, the old key is verified",
    "wait": "a reader that finds an unfinished roll waits for the lock and reads again",
}
ALL = frozenset(CLAUSES)

S = namedtuple(
    "S", "store seal late lock keys vis net procs bud next ripe mine added residue took hand"
)
P = namedtuple("P", "kind pc rec then key lab tries taken")
B = namedtuple("B", "crash net store revoke slow")
R = namedtuple("R", "gen active pending retiring making slot")
DONE, E, USER = ("done",), frozenset(), 100


def put(t, i, v):
    return t[:i] + (v,) + t[i + 1 :]


def newest(s):
    return s.seal if s.seal and s.seal.gen > s.store.gen else s.store


class Model:
    def __init__(self, recipe, clauses, manager=True):
        self.recipe, self.clauses, self.manager = recipe, clauses, manager

    def alive(self, s, id):
        return any(k == id for k, _ in s.keys) and id in s.vis

    def slot(self, s, id):
        return next((label for k, label in s.keys if k == id), None)

    def make(self, s, label):  # the provider acts
        keys = (
            s.keys
            if self.recipe == "create_revoke"
            else frozenset(k for k in s.keys if k[1] != label)
        )
        now = s.vis | {s.next} if self.recipe == "roll" else s.vis
        return s._replace(
            keys=keys | {(s.next, label)}, next=s.next + 1, mine=s.mine | {s.next}, vis=now
        )

    def drop(self, s, id):
        return s._replace(keys=frozenset(k for k in s.keys if k[0] != id))

    def successors(self, s):
        for i, p in enumerate(s.procs):
            if p == DONE or p.kind == "close" and (s.net or any(q != DONE for q in s.procs[:i])):
                continue
            if (
                p.pc == "start"
                and p.kind in ("rotate", "close")
                and any(q != DONE and q.kind == "rotate" for q in s.procs[:i])
            ):
                continue
            for label, n, bad in self.step(s, i, p):
                yield f"{p.kind}{i}: {label}", n, bad
            if s.bud.crash and p.kind in ("rotate", "add") and p.pc != "start":
                yield (
                    f"{p.kind}{i}: KILLED at {p.pc}",
                    self.leave(s, i)._replace(bud=s.bud._replace(crash=s.bud.crash - 1)),
                    (),
                )
        for rec in s.late:
            yield (
                f"late store write of generation {rec.gen} lands",
                s._replace(store=rec, late=s.late - {rec}, took=s.took | {rec.active}),
                (),
            )
        for label in s.net:
            yield (
                f"delayed create {label} reaches the provider",
                self.make(s, label)._replace(net=s.net - {label}),
                (),
            )
        for k, _ in s.keys:
            if k not in s.vis:
                yield f"key {k} works everywhere", s._replace(vis=s.vis | {k}), ()
        for k in (
            newest(s).retiring - s.ripe
        ):  # the grace outlasts every reader that may have read the old key
            if not any(
                q != DONE and q.kind == "read" and (q.key == abs(k) or q.pc == "r2")
                for q in s.procs
            ):
                yield f"grace of key {k} is over", s._replace(ripe=s.ripe | {k}), ()

    def leave(self, s, i):
        return s._replace(procs=put(s.procs, i, DONE), lock=None if s.lock == i else s.lock)

    def step(self, s, i, p):
        clauses, b, rec, calm = self.clauses, s.bud, p.rec, p.kind == "close"

        def go(n, pc, **kw):
            return n._replace(procs=put(n.procs, i, p._replace(pc=pc, **kw)))

        def end(n, label, *bad):
            return (label, self.leave(n, i), bad)

        def pay(what):
            return s._replace(bud=b._replace(**{what: getattr(b, what) - 1}))

        def save(n, new, then, **kw):
            new = new._replace(gen=rec.gen + 1)
            return go(n, "v1" if "save" in clauses else "v2", rec=new, then=then, **kw)

        pc = p.pc
        if pc == "start":
            if p.kind == "read":
                yield "reads the store", go(s, "r2", rec=s.store), ()
            elif p.kind == "add":
                if s.lock is None or "slots" not in clauses:
                    n = s._replace(lock=i) if "slots" in clauses else s
                    rec = newest(n) if "save" in clauses else n.store
                    keys = (
                        {(USER, "B")} | {k for k in n.keys if k[1] != "B"}
                        if self.recipe == "two_slot"
                        else n.keys | {(USER, None)}
                    )
                    if self.recipe == "roll":
                        keys = {(USER, "k")}
                    n = n._replace(
                        keys=frozenset(keys),
                        vis=n.vis | {USER},
                        hand=frozenset(k for k, _ in n.keys - frozenset(keys)),
                    )
                    yield (
                        "the user makes a key manually, key add reads the record",
                        go(n, "a2", rec=rec),
                        (),
                    )
            elif s.lock is None:
                yield "takes the lock", go(s._replace(lock=i), "t1"), ()
        # ---- a reader, without the lock
        elif pc == "r2":
            r = s.seal if "save" in clauses and s.seal and s.seal.gen > rec.gen else rec
            if "wait" in clauses and self.recipe == "roll" and r.making and p.tries == 0:
                if s.lock is None:
                    yield (
                        "a roll is in progress: waits for the lock, reads again",
                        go(s, "start", tries=1),
                        (),
                    )
            else:
                yield f"has key {r.active}", go(s, "r3", key=r.active, rec=r), ()
        elif pc == "r3":
            ok = self.alive(s, p.key)
            why = []
            if not ok:
                rolled = self.recipe == "roll" and not (p.rec.making and not p.tries)
                why = (
                    ["residual: the user replaced the key at the provider before key add stored it"]
                    if p.key in s.hand
                    else ["residual: roll revokes the old key before the reply can be stored"]
                    if rolled and "atonce" in clauses
                    else ["R3 a reader prints a dead key"]
                )
            yield end(s, f"prints key {p.key}", *why)
        # ---- key add
        elif pc == "a2":
            keep = (
                rec.retiring
                | ({rec.pending} if rec.pending else E)
                | ({rec.active} if rec.active in s.mine else E)
            )
            new = (
                R(0, USER, None, keep, rec.making, rec.slot)
                if "slots" in clauses
                else R(0, USER, None, E, E, rec.slot)
            )
            if self.recipe == "roll":
                new = new._replace(retiring=E, making=E)
            if self.recipe == "two_slot" and "slots" in clauses and rec.active not in s.mine:
                new = new._replace(
                    retiring=new.retiring | {-rec.active}
                )  # not ours to revoke, but its slot waits for the grace
            yield "replaces the active key", save(s, new, "a3"), ()
        elif pc == "a3":
            yield end(s._replace(added=1), "key add done")
        # ---- one save: sealed file, then store
        elif pc == "v1":
            yield f"sealed file: generation {rec.gen}", go(s._replace(seal=rec), "v2"), ()
        elif pc == "v2":
            yield (
                f"store write {rec.gen} ok",
                go(s._replace(store=rec, took=s.took | {rec.active}), p.then, taken=True),
                (),
            )
            if b.store and not calm:
                for how, n in (
                    ("refused", pay("store")),
                    ("late", pay("store")._replace(late=s.late | {rec})),
                ):
                    if "save" in clauses:
                        yield (
                            f"store write {rec.gen} {how}, goes on",
                            go(n, p.then, taken=False),
                            (),
                        )
                    else:
                        yield end(n, f"store write {rec.gen} {how}, exit 5")
        # ---- rotate
        elif pc == "t1":
            r = newest(s) if "save" in clauses else s.store
            if "save" in clauses and s.store.gen < r.gen:
                yield f"finishes store write {r.gen}", go(s, "v2", rec=r, then="t2"), ()
            else:
                yield (
                    f"reads generation {r.gen}: active {r.active} pending {r.pending} retiring {sorted(r.retiring)}",
                    go(s, "t2", rec=r, taken=True),
                    (),
                )
        elif pc == "t2":
            if rec.making and self.recipe == "create_revoke":
                orphans = [
                    k
                    for k, label in s.keys
                    if label in rec.making
                    and k not in (rec.active, rec.pending)
                    and k not in rec.retiring
                ]
                n = s
                for k in orphans:
                    n = self.drop(n, k)
                if b.revoke and orphans and not calm:
                    yield end(pay("revoke"), "deleting an orphan fails, exit 8")
                if not (rec.making & s.net):
                    yield (
                        f"looks up {sorted(rec.making)}: deletes {orphans}",
                        save(n, rec._replace(making=E), "t3"),
                        (),
                    )
                else:
                    yield (
                        f"looks up {sorted(rec.making)}: deletes {orphans}, keeps the label",
                        go(n, "t3"),
                        (),
                    )
            elif rec.making and self.recipe == "roll":
                if self.alive(s, rec.active):
                    yield (
                        "the old key still works: the roll did not happen",
                        save(s, rec._replace(making=E), "t3"),
                        (),
                    )
                elif self.manager:
                    yield "the old key does not work: rolls again", go(s, "c2"), ()
                else:
                    yield end(
                        s._replace(residue=True),
                        "the old key does not work and nobody can roll again, exit 4",
                    )
            else:
                yield "nothing is incomplete", go(s, "t3"), ()
        elif pc == "t3":
            if rec.pending:
                yield "a pending key: verify", go(s, "y1"), ()
            elif rec.retiring:
                yield "a retiring key", go(s, "x1"), ()
            elif calm:
                yield end(s, "nothing left to do", *self.tidy(s))
            else:
                yield "due: create", go(s, "c1"), ()
        elif pc == "c1":
            lab = {"create_revoke": f"L{rec.gen}", "roll": "k"}.get(self.recipe)
            if self.recipe == "two_slot":
                at = self.slot(s, rec.active) if "ask" in clauses else rec.slot
                if at is None:
                    yield end(s, "the active key is in neither slot, exit 7")
                    return
                lab = "B" if at == "A" else "A"
                yield f"idle slot is {lab}", go(s, "c2", lab=lab), ()
            elif (
                self.recipe == "create_revoke"
                and "intent" in clauses
                or self.recipe == "roll"
                and "atonce" in clauses
            ):
                yield (
                    f"intends {lab}",
                    save(s, rec._replace(making=rec.making | {lab}), "c2", lab=lab),
                    (),
                )
            else:
                yield f"label {lab}", go(s, "c2", lab=lab), ()
        elif pc == "c2":
            lab = p.lab or "k"
            if self.recipe == "roll" and not self.manager and not self.alive(s, rec.active):
                yield end(s, "roll refused, exit 8")
                return
            n = self.make(s, lab)
            yield (
                f"provider makes key {s.next}, reply in hand",
                go(n, "c3", key=s.next, lab=lab),
                (),
            )
            if b.net and not calm:
                q = pay("net")
                m = self.make(q, lab)
                yield "request lost", go(q, "c4", lab=lab), ()
                yield f"provider makes key {s.next}, reply lost", go(m, "c4", lab=lab), ()
                if self.recipe == "create_revoke":
                    yield "request delayed", go(q._replace(net=q.net | {lab}), "c4", lab=lab), ()
        elif pc == "c4":
            if "intent" in clauses and self.recipe == "create_revoke":
                yield end(s, "no reply: the next run looks the label up, exit 8")
            elif self.recipe == "create_revoke":
                orphans = [
                    k
                    for k, label in s.keys
                    if label == p.lab and k not in (rec.active, rec.pending)
                ]
                n = s
                for k in orphans:
                    n = self.drop(n, k)
                yield end(n, f"looks up {p.lab}: deletes {orphans}, exit 8")
            elif self.recipe == "two_slot" and p.tries < 1:
                yield "no reply: the idle slot may be made again", go(s, "c2", tries=1), ()
            else:
                yield end(s, "no reply, exit 8")
        elif pc == "c3":
            if self.recipe == "roll" and "atonce" in clauses:
                yield (
                    f"key {p.key} is active at once",
                    save(s, rec._replace(active=p.key, making=E), "fin"),
                    (),
                )
            else:
                making = rec.making - {p.lab}
                yield (
                    f"key {p.key} is pending",
                    save(s, rec._replace(pending=p.key, making=making), "y1"),
                    (),
                )
        elif pc == "fin":
            yield end(s, "done", *self.tidy(s)) if calm else end(s, "done")
        elif pc == "y1":
            if self.alive(s, rec.pending):
                old = {rec.active} if self.recipe == "create_revoke" or "grace" in clauses else E
                slot = self.slot(s, rec.pending)
                yield (
                    f"key {rec.pending} verifies: active",
                    save(
                        s,
                        rec._replace(
                            active=rec.pending, pending=None, retiring=rec.retiring | old, slot=slot
                        ),
                        "y2",
                    ),
                    (),
                )
            elif not any(k == rec.pending for k, _ in s.keys):
                yield (
                    f"key {rec.pending} is gone at the provider: dropped",
                    save(s, rec._replace(pending=None), "t3"),
                    (),
                )
            elif b.slow and not calm:
                if "later" in clauses:
                    yield end(pay("slow"), "not accepted within 60 s: stays pending, exit 8")
                else:
                    yield (
                        "not accepted within 60 s: undo",
                        save(pay("slow"), rec._replace(pending=None), "u1", key=rec.pending),
                        (),
                    )
        elif pc == "u1":
            yield end(self.drop(s, p.key), f"revokes key {p.key}, exit 8")
        elif pc == "y2":
            yield (
                "switched",
                go(s, "x1")
                if (calm or "grace" not in clauses) and rec.retiring
                else self.leave(s, i)
                if not calm
                else go(s, "t3"),
                (),
            )
        elif pc == "x1":
            if "grace" in clauses and not calm and not rec.retiring <= s.ripe:
                yield end(s, "grace not over")
                return
            if "taken" in clauses and not p.taken:
                yield end(s, "the store has not taken the record: revokes nothing, exit 8")
                return
            k = min(rec.retiring)
            bad = []
            if k < 0:
                yield f"grace of the user's key {-k} is over", go(s, "x2", key=k), ()
                return
            if k == newest(s).active:
                bad.append("R4 revokes the active key")
            elif newest(s).active not in s.took:
                bad.append("R4 revokes the old key before the store ever took the new one")
            if newest(s).active in s.mine and newest(s).active not in s.vis:
                bad.append("R4 revokes before the new key was verified")
            n = self.drop(s, k)
            yield (
                f"revokes key {k}{' (makes its slot anew)' if self.recipe == 'two_slot' else ''}",
                go(n, "x2", key=k),
                bad,
            )
            if b.revoke and not calm:
                m = pay("revoke")
                yield end(m, f"revoking key {k} fails, exit 8")
                yield end(self.drop(m, k), f"revokes key {k}, reply lost, exit 8", *bad)
        elif pc == "x2":
            yield (
                f"key {p.key} is out of the record",
                save(
                    s,
                    rec._replace(retiring=rec.retiring - {p.key}),
                    "t3" if calm or rec.retiring - {p.key} else "fin",
                ),
                (),
            )

    def tidy(self, s):
        rec, bad = newest(s) if "save" in self.clauses else s.store, []
        if s.residue:
            return ["residual: self-authorized roll, reply lost"]
        if not self.alive(s, rec.active):
            by_hand = s.added != 1 and rec.active in s.hand
            bad.append(
                "residual: the user replaced the key at the provider, key add never finished"
                if by_hand
                else "R1 the active key does not work"
            )
        extra = {k for k, _ in s.keys if k in s.mine} - {rec.active}
        if extra and self.recipe == "create_revoke":
            bad.append("R2 an orphan at the provider")
        if rec.active != USER and s.added == 1 and rec.active not in s.mine:
            bad.append("R1 the user's new key was lost")
        return bad

    def final(self, s):
        if any(p != DONE for p in s.procs) or s.late:
            return None
        rec = newest(s) if "save" in self.clauses else s.store
        if s.residue or rec.making and self.recipe == "roll" and not self.manager:
            return ["residual: self-authorized roll, reply lost"]
        return [x + " (at rest)" for x in self.tidy(s)]


def run(recipe, kinds, clauses, budget, manager, limit=2_500_000):
    m = Model(recipe, clauses, manager)
    first = R(1, 1, None, E, E, "A")
    keys = frozenset(
        {"create_revoke": {(1, None)}, "roll": {(1, "k")}, "two_slot": {(1, "A"), (2, "B")}}[recipe]
    )
    procs = tuple(P(k, "start", None, None, None, None, 0, False) for k in kinds)
    s = S(
        first,
        None,
        E,
        None,
        keys,
        frozenset({1, 2}),
        E,
        procs,
        budget,
        3,
        E,
        E,
        0,
        False,
        frozenset({1}),
        E,
    )
    return explore(s, m.successors, m.final, limit)


T, K, W, C = "rotate", "add", "read", "close"
# The processes, and how often each fault may happen: kill, message, store, revocation, delay until
# the new key works.
CASES = [
    ((T, T, W, C), B(1, 1, 1, 0, 0)),
    ((T, T, W, C), B(1, 0, 1, 1, 1)),
    ((T, T, T, C), B(1, 1, 1, 1, 0)),
    ((T, T, T, C), B(2, 1, 0, 1, 1)),
    ((T, T, T, C), B(0, 0, 2, 0, 0)),
    ((T, T, K, C), B(1, 1, 1, 0, 1)),
    ((T, T, K, W, C), B(1, 0, 0, 1, 0)),
    ((T, K, W, C), B(0, 1, 1, 0, 0)),
]
RECIPES = (("create_revoke", True), ("two_slot", True), ("roll", True), ("roll", False))


def job(case):
    kinds, budget, recipe, manager, clauses = case
    return run(recipe, kinds, clauses, budget, manager)


if __name__ == "__main__":
    main(job, [(kinds, budget, *recipe) for kinds, budget in CASES for recipe in RECIPES], CLAUSES)
