#!/usr/bin/env python3
"""The protocol "Getting a token" of the design: every interleaving of processes, with crashes.

One step is one system call, one call of the store or one message, so that a process can be killed
between any two of them. A record is (generation, (login, n)): the n-th refresh token of a login.

A caller that has to spend something starts a keeper, which has its lock. From there on, the death
of the caller changes nothing, so it is no step; the keeper itself can be killed as any process.
"""

from collections import namedtuple

from mc import explore, main

CLAUSES = {
    "keep": "the sealed file keeps the newest record, and the higher generation is used",
    "quiet": "a run without the lock writes nothing",
    "locked": "login and logout take the lock",
    "grow": "a login continues from the newest generation, with the same write",
    "inode": "the lock file is never deleted",
    "again": "absent or changed record: it is read again under the lock before `login required`",
    "newest": "logout revokes the newest token, also if only the sealed file contains it",
    "sync": "a sealed record newer than the store is synced by the process that finds it, first",
    "seal": "sealed file not written: the store is written all the same",
    "keeper": "what spends a token runs in a process that outlives its caller",
}
ALL = frozenset(CLAUSES)

S = namedtuple(
    "S", "idx store dstore late seal dseal lock ep srv net procs bud known lossy out udel"
)
P = namedtuple("P", "kind pc id rec seen rep tries ep back kept")
B = namedtuple("B", "crash net store power user clock grace callers", defaults=(0,))
F = namedtuple(
    "F", "revoked valid old nxt"
)  # a login at the server: accepted tokens, the one in grace, the next number
DONE = ("done",)


def newer(store, seal):
    ahead = seal and seal[1]
    return ahead if ahead and (store is None or ahead[0] > store[0]) else store


def newest(s, id):
    return None if id is None or s.store[id] is None else newer(s.store[id], s.seal[id])


def put(t, i, v):
    return t[:i] + (v,) + t[i + 1 :]


class Model:
    def __init__(self, server, clauses, power, has_logout):
        self.server, self.clauses, self.power, self.has_logout = server, clauses, power, has_logout

    # ---- the authorization server: returns (server, reply)
    def refresh(self, srv, tok):
        f, n = tok
        a = srv[f]
        if a.revoked:
            return srv, ("bad",)
        if self.server == "fixed":
            return put(srv, f, a._replace(nxt=a.nxt + 1)), ("ok", tok, a.nxt)
        if n in a.valid:
            return put(srv, f, F(False, a.valid - {n} | {a.nxt}, n, a.nxt + 1)), (
                "ok",
                (f, a.nxt),
                a.nxt,
            )
        if self.server.startswith("grace") and n == a.old:
            if self.server == "grace-same":
                return srv, ("ok", (f, max(a.valid)), a.nxt)
            return put(srv, f, a._replace(valid=a.valid | {a.nxt}, nxt=a.nxt + 1)), (
                "ok",
                (f, a.nxt),
                a.nxt,
            )
        return put(srv, f, F(True, frozenset(), None, a.nxt)), ("bad",)

    def accepts(self, srv, tok):
        a = srv[tok[0]]
        return not a.revoked and (
            tok[1] in a.valid or self.server.startswith("grace") and tok[1] == a.old
        )

    # ---- one call on the store: (label, state); a write may land later than its caller waits
    def write(self, s, id, rec):
        ok = s._replace(store=put(s.store, id, rec), known=s.known | {rec[1]} if rec else s.known)
        yield "ok", ok if self.power else ok._replace(dstore=ok.store)
        if s.bud.store:
            less = s._replace(bud=s.bud._replace(store=s.bud.store - 1))
            yield "refused", less
            if rec:
                yield "late", less._replace(late=less.late | {(id, rec)})

    def sealed(self, s, id, v):
        s = s._replace(seal=put(s.seal, id, v))
        return s if self.power else s._replace(dseal=s.seal)

    def successors(self, s):
        for i, p in enumerate(s.procs):
            if p != DONE:
                for label, n, bad in self.step(s, i, p):
                    yield f"{p.kind}{i}: {label}", n, bad
                if s.bud.crash and p.pc != "idx":
                    n = self.leave(s, i)._replace(bud=s.bud._replace(crash=s.bud.crash - 1))
                    yield (
                        f"{p.kind}{i}: KILLED at {p.pc}",
                        n._replace(lossy=n.lossy or self.holds(s, p)),
                        (),
                    )
                if s.bud.callers and p.pc != "idx" and not p.kept:
                    # A killed caller is no excuse for a lost login.
                    n = self.leave(s, i)._replace(bud=s.bud._replace(callers=s.bud.callers - 1))
                    yield f"{p.kind}{i}: CALLER KILLED at {p.pc}", n, ()
        yield from self.world(s)

    def holds(self, s, p):  # only this process knows the successor of what it presented
        return (
            p.kind == "token"
            and p.pc in ("recv", "w1", "w2", "w3")
            and p.rep
            and p.rep[0] == "ok"
            and p.rep[1] not in s.known
        )

    def world(self, s):
        b = s.bud
        for id, rec in s.late:
            n = s._replace(store=put(s.store, id, rec), late=s.late - {(id, rec)})
            yield (
                f"late store write of generation {rec[0]} (login {rec[1][0]}) lands",
                n if self.power else n._replace(dstore=n.store),
                (),
            )
        for tok in s.net:
            srv, rep = self.refresh(s.srv, tok)
            yield (
                f"delayed request {tok} reaches the server",
                s._replace(srv=srv, net=s.net - {tok}, lossy=True),
                (),
            )
        if self.power and s.store != s.dstore:
            yield "store reaches the disk", s._replace(dstore=s.store), ()
        if b.power:
            n = s._replace(
                bud=b._replace(power=0),
                seal=s.dseal,
                store=s.dstore,
                late=frozenset(),
                lock=frozenset(),
                procs=tuple(DONE for _ in s.procs),
                lossy=s.lossy or any(p != DONE and self.holds(s, p) for p in s.procs),
            )
            yield "POWER LOSS", n, ()
        if b.user and s.idx is not None and s.store[s.idx]:
            n = s._replace(bud=b._replace(user=0), store=put(s.store, s.idx, None), udel=True)
            yield (
                "user deletes the keychain item",
                n if self.power else n._replace(dstore=n.store),
                (),
            )
        if b.clock and any(e and e[0] and e[0][2] for e in s.seal):
            stale = tuple(e and (e[0] and e[0][:2] + (False,), e[1]) for e in s.seal)
            yield (
                "access token expires",
                s._replace(
                    bud=b._replace(clock=b.clock - 1),
                    seal=stale,
                    dseal=stale if not self.power else s.dseal,
                ),
                (),
            )
        if b.grace and any(f.old is not None for f in s.srv):
            yield (
                "grace window ends",
                s._replace(
                    bud=b._replace(grace=b.grace - 1),
                    srv=tuple(f._replace(old=None) for f in s.srv),
                ),
                (),
            )

    def leave(self, s, i):
        return s._replace(
            procs=put(s.procs, i, DONE), lock=frozenset(h for h in s.lock if h[1] != i)
        )

    def step(self, s, i, p):
        clauses = self.clauses

        def go(n, pc, **kw):
            return n._replace(procs=put(n.procs, i, p._replace(pc=pc, **kw)))

        def end(n, label, *bad):
            return (label, self.leave(n, i), bad)

        def login_required(n, label):
            rec = newest(n, n.idx)
            return end(
                n,
                label,
                *(
                    ["P5 says login required although the login works"]
                    if rec and not n.udel and self.accepts(n.srv, rec[1])
                    else []
                ),
            )

        def prints(n, at, label):
            return end(
                n, label, *(["P3 prints a token of a logged-out login"] if at[0] in n.out else [])
            )

        pc, b = p.pc, s.bud
        # ---- without the lock
        if pc == "idx":
            if s.idx is None:
                yield (
                    end(s, "no such credential, exit 3")
                    if p.kind != "login"
                    else ("begins", go(s, "auth"), ())
                )
            else:
                first = {"token": "st1", "login": "auth", "logout": "open"}[p.kind]
                yield "reads the index", go(s, first, id=s.idx), ()
        elif pc == "st1":
            rec = s.store[p.id]
            if rec:
                yield f"reads the store: generation {rec[0]}", go(s, "se1", rec=rec), ()
            elif "again" in clauses:
                yield "item absent: looks again under the lock", go(s, "open"), ()
            else:
                yield login_required(s, "item absent, exit 4")
            if b.store:
                yield end(s._replace(bud=b._replace(store=b.store - 1)), "store locked, exit 5")
        elif pc == "se1":
            e = s.seal[p.id]
            at = e and e[0]
            if "quiet" not in clauses and e and e[1] and e[1][0] > p.rec[0]:
                yield (
                    f"finds write-ahead {e[1][0]} without the lock",
                    go(s, "fin0", seen=at, rec=e[1]),
                    (),
                )
            elif at and at[2]:
                yield prints(s, at, "prints the cached token")
            else:
                yield "nothing fresh cached", go(s, "open", seen=at and at[:2]), ()
        elif pc == "fin0":
            for how, n in self.write(s, p.id, p.rec):
                if p.seen and p.seen[2]:
                    yield prints(
                        n, p.seen, f"finishes write {p.rec[0]} without the lock ({how}), prints"
                    )
                else:
                    yield (
                        f"finishes write {p.rec[0]} without the lock ({how})",
                        go(n, "open", seen=p.seen and p.seen[:2]),
                        (),
                    )
        elif pc == "open":
            if p.kind != "token" and "locked" not in clauses:
                yield "goes on without the lock", go(s, {"login": "ls", "logout": "o1"}[p.kind]), ()
            else:
                yield "opens the lock file", go(s, "lock", ep=s.ep), ()
        elif pc == "lock":
            if not any(ep == p.ep for ep, _ in s.lock):
                n = s._replace(lock=s.lock | {(p.ep, i)})
                kept = p.kind == "login" and "keeper" in clauses
                yield (
                    "takes the lock" + (", starts a keeper" if kept else ""),
                    go(n, {"token": "st2", "login": "ls", "logout": "o1"}[p.kind], kept=kept),
                    ["P2 two hold the lock"] if s.lock else (),
                )
            else:
                yield (
                    end(s, "lock deadline, exit 6")
                    if p.kind != "login"
                    else end(s._replace(udel=True), "lock deadline, login fails")
                )
        # ---- token, under the lock
        elif pc == "st2":
            if s.idx is None:
                yield end(s, "no such credential, exit 3")
            elif s.store[s.idx] is None:
                yield login_required(s, "item absent under the lock, exit 4")
            else:
                rec = s.store[s.idx]
                yield (
                    f"reads the store again: generation {rec[0]}",
                    go(s, "se2", id=s.idx, rec=rec),
                    (),
                )
            if b.store:
                yield end(s._replace(bud=b._replace(store=b.store - 1)), "store locked, exit 5")
        elif pc == "se2":
            e = s.seal[p.id]
            at, ahead = e or (None, None)
            if ahead and ahead[0] > p.rec[0]:
                n = s._replace(dseal=s.seal, known=s.known | {ahead[1]}) if "sync" in clauses else s
                yield f"finds write-ahead {ahead[0]}", go(n, "fin", rec=ahead), ()
            elif at and at[2] and at[:2] != p.seen:
                yield prints(s, at, "another has refreshed: prints")
            elif "keeper" in clauses and not p.kept:
                yield "must refresh: starts a keeper", go(s, "st2", kept=True), ()
            else:
                yield "must refresh", go(s, "send"), ()
        elif pc == "fin":
            at = s.seal[p.id] and s.seal[p.id][0]
            for how, n in self.write(s, p.id, p.rec):
                if "keep" not in clauses and how == "ok":
                    n = self.sealed(n, p.id, (at, None))
                if at and at[2] and at[:2] != p.seen:
                    yield prints(n, at, f"finishes write {p.rec[0]} ({how}), prints")
                elif "keeper" in clauses and not p.kept:
                    yield (
                        f"finishes write {p.rec[0]} ({how}), starts a keeper",
                        go(n, "st2", kept=True),
                        (),
                    )
                else:
                    yield f"finishes write {p.rec[0]} ({how})", go(n, "send"), ()
        elif pc == "send":
            tok = p.rec[1]
            bad = []
            if any(k[0] == tok[0] and k[1] > tok[1] for k in s.known) and self.server != "fixed":
                bad.append("P2 presents a token whose successor is on disk")
            if any(
                q != DONE and q is not p and q.kind == "token" and q.pc in ("recv", "w1", "w2")
                for q in s.procs
            ):
                bad.append("P2 two refreshes in flight")
            srv, rep = self.refresh(s.srv, tok)
            yield (
                f"presents {tok}: server says {rep[0]}",
                go(s._replace(srv=srv), "recv", rep=rep),
                bad,
            )
            if b.net:
                n = s._replace(bud=b._replace(net=b.net - 1))
                yield f"presents {tok}: request lost", go(n, "recv", rep=("lost",)), bad
                yield (
                    f"presents {tok}: server acts, reply lost",
                    go(
                        n._replace(
                            srv=srv, lossy=n.lossy or rep[0] == "ok" and rep[1] not in n.known
                        ),
                        "recv",
                        rep=("lost",),
                    ),
                    bad,
                )
                yield (
                    f"presents {tok}: request delayed",
                    go(n._replace(net=n.net | {tok}), "recv", rep=("lost",)),
                    bad,
                )
                yield end(n, "429, 5xx or no connection, exit 6")
        elif pc == "recv":
            if p.rep[0] == "lost":
                if p.tries < 2:
                    yield "time-out, sends again at once", go(s, "send", tries=p.tries + 1), ()
                else:
                    yield end(s, "no reply, exit 6")
            elif p.rep[0] == "bad":
                yield "invalid_grant", go(s, "bad"), ()
            else:
                yield "has the reply", go(s, "w1"), ()
        elif pc == "bad":
            rec = newest(s, s.idx)
            if rec and rec[1] != p.rec[1] and "again" in clauses and p.back < 1:
                yield "record has changed: starts over", go(s, "st2", back=p.back + 1, tries=0), ()
            elif rec and rec[1] != p.rec[1]:
                yield end(s, "record has changed, exit 6")
            else:
                yield login_required(s, "exit 4")
        elif pc == "w1":
            tok, serial = p.rep[1:]
            rec = p.rec if tok == p.rec[1] else (p.rec[0] + 1, tok)
            keep = s.seal[p.id] and s.seal[p.id][1]
            n = self.sealed(
                s,
                p.id,
                ((tok[0], serial, True), rec if rec != p.rec or "keep" in clauses else keep),
            )
            if not self.power:
                n = n._replace(known=n.known | {tok})
            yield (
                f"sealed file: generation {rec[0]} and access token",
                go(n, "w2" if self.power else "w3", rec=rec, rep=p.rep if rec != p.rec else None),
                (),
            )
            if b.store and rec != p.rec:
                n = s._replace(
                    bud=b._replace(store=b.store - 1, power=0)
                )  # this and a power loss are two faults
                if "seal" in clauses:
                    yield "sealed file refused, goes on to the store", go(n, "w3", rec=rec), ()
                else:
                    yield end(n, "sealed file refused, exit 1")
        elif pc == "w2":
            yield "fsync", go(s._replace(dseal=s.seal, known=s.known | {p.rec[1]}), "w3"), ()
        elif pc == "w3":
            if p.rep is None:
                yield end(s, "same refresh token, no store write; prints")
                return
            for how, n in self.write(s, p.id, p.rec):
                if p.rec[1] not in n.known:
                    n = n._replace(lossy=True)  # both the sealed file and the store refused
                if "keep" in clauses or how != "ok":
                    yield end(n, f"store write {p.rec[0]} {how}; prints")
                else:
                    yield f"store write {p.rec[0]} ok", go(n, "w4"), ()
        elif pc == "w4":
            n = self.sealed(s, p.id, (s.seal[p.id][0] if s.seal[p.id] else None, None))
            yield "clears the write-ahead", go(n, "w5"), ()
        elif pc == "w5":
            yield end(s._replace(dseal=s.seal), "prints")
        # ---- login: a second login of the same name
        elif pc == "auth":
            f = len(s.srv)
            n = s._replace(srv=s.srv + (F(False, frozenset({0}), None, 1),))
            yield f"the provider grants login {f}", go(n, "open", rep=f), ()
        elif pc == "ls":
            rec = newest(s, s.idx)
            if "sync" in clauses:
                s = s._replace(dseal=s.seal)
            if "grow" in clauses and rec is not None:
                yield (
                    "reads the newest record",
                    go(s, "l1", id=s.idx, rec=(rec[0] + 1, (p.rep, 0))),
                    (),
                )
            elif "grow" in clauses or s.idx is None:  # no item or no index: a new id
                yield "takes a new id", go(s, "l4", id=1, rec=(1, (p.rep, 0))), ()
            else:
                yield "makes a record", go(s, "l4", id=s.idx, rec=(1, (p.rep, 0))), ()
        elif pc == "l1":
            yield (
                "sealed file: new login's record",
                go(self.sealed(s, p.id, (None, p.rec)), "l2"),
                (),
            )
        elif pc == "l2":
            yield "fsync", go(s._replace(dseal=s.seal, known=s.known | {p.rec[1]}), "l3"), ()
        elif pc == "l3":
            for how, n in self.write(s, p.id, p.rec):
                yield end(n, f"store write {how}; login done")
        elif pc == "l4":
            for how, n in self.write(s, p.id, p.rec):
                if how == "ok":
                    yield "store write and read-back ok", go(n, "l5"), ()
                else:
                    yield end(n._replace(udel=True), f"store write {how}, login fails")
        elif pc == "l5":
            if p.id == s.idx:
                yield end(self.sealed(s, p.id, (None, None)), "empties the sealed file; login done")
            else:
                yield end(s._replace(idx=p.id, udel=False), "writes the index; login done")
        # ---- logout
        elif pc == "o1":
            if s.idx is None:
                yield end(s, "no such credential, exit 3")
                return
            rec = newest(s, s.idx) if "newest" in clauses else s.store[s.idx]
            yield f"reads {rec and rec[1]}", go(s, "o2" if rec else "o3", id=s.idx, rec=rec), ()
        elif pc == "o2":
            f = p.rec[1][0]
            n = (
                s._replace(srv=put(s.srv, f, F(True, frozenset(), None, s.srv[f].nxt)))
                if self.accepts(s.srv, p.rec[1])
                else s
            )
            yield "revokes at the provider", go(n, "o3", rep="revoked"), ()
        elif pc == "o3":
            n = s._replace(store=put(s.store, p.id, None))
            yield "deletes the item", go(n if self.power else n._replace(dstore=n.store), "o4"), ()
        elif pc == "o4":
            n = s._replace(seal=put(s.seal, p.id, None))
            yield "deletes the sealed file", go(n._replace(dseal=n.seal), "o5"), ()
        elif pc == "o5":
            n = s._replace(idx=None if s.idx == p.id else s.idx, ep=s.ep + ("inode" not in clauses))
            bad = []
            if p.rec:
                f = p.rec[1][0]
                n = n._replace(out=n.out | {f})
                if not n.srv[f].revoked:
                    bad.append(
                        "residual: logout after a lost reply cannot revoke a token it never saw"
                        if n.lossy
                        else "P3 logout done, its tokens still live at the provider"
                    )
            yield end(n, "deletes the index; logout done", *bad)

    def final(self, s):
        if any(p != DONE for p in s.procs):
            return None
        bad = []
        if s.idx is not None and not s.udel:
            rec = newest(s, s.idx)
            live = [
                k
                for k in s.known
                if k[0] not in s.out
                and self.accepts(s.srv, k)
                and (rec is None or k[0] == rec[1][0])
            ]
            if rec is None:
                bad += ["P1 login lost: record gone"] if live else []
            elif not self.accepts(s.srv, rec[1]):
                if live:
                    bad.append("P1 login lost although the server accepts a token on disk")
                elif (
                    not s.lossy
                    and rec[1][0] not in s.out
                    and not (s.srv[rec[1][0]].revoked and self.has_logout)
                ):
                    bad.append("P1 login lost: family revoked or token consumed")
                elif s.lossy:
                    bad.append("residual: server acted, its answer never reached the disk")
            elif rec[1][0] < max((k[0] for k in s.known), default=0) and rec[1][0] not in s.out:
                bad.append("P4 an older login replaced a newer one")
        if s.idx is None and any(s.store) and not s.late:
            if any(r and not s.srv[r[1][0]].revoked for r in s.store):
                bad.append("residual: a live item without an index (write landed after logout)")
        return bad


def run(kinds, server, clauses, budget, limit=2_500_000):
    power = budget.power > 0
    m = Model(server, clauses, power, "logout" in kinds)
    rec = (1, (0, 1))
    srv = (F(False, frozenset({1}), None, 2),)
    seal = ((((0, 0, False)), None), None)
    s = S(
        0,
        (rec, None),
        (rec, None),
        frozenset(),
        seal,
        seal,
        frozenset(),
        0,
        srv,
        frozenset(),
        tuple(P(k, "idx", None, None, None, None, 0, 0, 0, False) for k in kinds),
        budget,
        frozenset({(0, 1)}),
        False,
        frozenset(),
        False,
    )
    return explore(s, m.successors, m.final, limit)


T, L, X = "token", "login", "logout"
# The processes, and how often each fault may happen: kill, message, store, power loss, deletion by
# the user, expiry, end of the grace period, kill of a caller.
CASES = [
    ((T, T), B(1, 1, 1, 0, 0, 1, 1)),
    ((T, T), B(1, 2, 0, 0, 0, 0, 1)),
    ((T, T, T), B(1, 0, 1, 0, 0, 1, 0)),
    ((T, T, T), B(0, 0, 1, 0, 0, 2, 0)),
    ((T, T, T), B(0, 1, 0, 1, 0, 1, 1)),
    ((T, T), B(1, 1, 1, 1, 0, 1, 1)),
    ((T, T), B(1, 1, 0, 0, 1, 1, 0)),
    ((T, L), B(1, 1, 1, 0, 0, 1, 1)),
    ((T, T, L), B(1, 0, 1, 0, 0, 1, 0)),
    ((T, T, L), B(0, 0, 0, 1, 0, 1, 0)),
    ((T, T, X), B(1, 0, 1, 0, 0, 1, 0)),
    ((T, X), B(1, 1, 1, 0, 0, 0, 1)),
    ((T, X, L), B(0, 0, 1, 0, 0, 1, 0)),
    ((T, T), B(0, 0, 1, 0, 0, 1, 1, 2)),
    ((T, T, T), B(0, 0, 0, 0, 0, 2, 0, 3)),
    ((T, T), B(1, 1, 0, 0, 0, 1, 1, 2)),
    ((T, T, L), B(0, 0, 1, 0, 0, 1, 0, 2)),
]
SERVERS = ("reuse", "grace-same", "grace-new", "fixed")


def job(case):
    kinds, budget, server, clauses = case
    return run(kinds, server, clauses, budget)


if __name__ == "__main__":
    main(job, [(kinds, budget, server) for kinds, budget in CASES for server in SERVERS], CLAUSES)
