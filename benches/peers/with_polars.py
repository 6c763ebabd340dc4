"""with_polars.py FOLDER FORM OUT: workload W in Polars, Parquet in, the difference out as CSV (op,id,ent).

Forms, of which the better counts:
  filter  one filter a rule, collected together, joined with what rules grant
  codes   the same over integers: texts as the codes of their categories
"""
import sys
from datetime import date

import polars as pl

from common import grants, rules

folder, form, out = sys.argv[1:4]
J = rules(folder)
G = grants(J)
TEXT = ["employment_type", "status", "department", "job_title", "location", "country", "legal_entity", "cost_center"]
people = pl.read_parquet(f"{folder}/people.parquet", columns=["id", "job_level", "hire_date", "end_date", "skills"] + TEXT)
codes = {}
if form == "codes":
    for a in TEXT:
        values = people[a].cast(pl.String).unique().sort()
        codes[a] = {v: i for i, v in enumerate(values)}
    people = people.with_columns([pl.col(a).cast(pl.Enum(list(codes[a]))).to_physical().cast(pl.UInt16).alias(a) for a in TEXT])
else:
    people = people.with_columns([pl.col(a).cast(pl.String) for a in TEXT])


def condition(e):
    if "all" in e or "any" in e:
        parts = [condition(x) for x in e.get("all", e.get("any"))]
        return pl.all_horizontal(parts) if "all" in e else pl.any_horizontal(parts)
    if "not" in e:
        return ~condition(e["not"])
    op, a, v = e["op"], e["attr"], e.get("value")
    c = pl.col(a)
    if op == "null":
        return c.is_null()
    if op == "contains":
        return c.list.contains(v)
    if a in TEXT:
        if form == "codes":
            values = [w for w in codes[a] if w.startswith(v)] if op == "prefix" else v if op == "in" else [v]
            found = sorted(codes[a][w] for w in values if w in codes[a])
            return c == found[0] if len(found) == 1 else c.is_in(found)
        return c.str.starts_with(v) if op == "prefix" else c.is_in(v) if op == "in" else c == v
    value = date.fromisoformat(v) if a.endswith("_date") else v
    held = {"lt": c < value, "le": c <= value, "ge": c >= value}[op]
    return held.fill_null(False) if a == "end_date" else held


lazy = people.lazy()
granted = pl.DataFrame({"rule": [r for r, g in enumerate(G) for _ in g], "ent": [e for g in G for e in g]}, schema={"rule": pl.Int32, "ent": pl.Int32})
parts = []
for at in range(0, len(J["rules"]), 100):
    some = J["rules"][at:at + 100]
    frames = pl.collect_all([lazy.filter(condition(x["when"])).select("id") for x in some])
    parts += [f.with_columns(pl.lit(at + i, dtype=pl.Int32).alias("rule")) for i, f in enumerate(frames)]
desired = pl.concat(parts).join(granted, on="rule").select("id", "ent").unique()
actual = pl.read_parquet(f"{folder}/pairs.parquet")
adds = desired.join(actual, on=["id", "ent"], how="anti").select(pl.lit("grant").alias("op"), "id", "ent")
removes = actual.join(desired, on=["id", "ent"], how="anti").select(pl.lit("revoke").alias("op"), "id", "ent")
pl.concat([adds, removes]).write_csv(out)
