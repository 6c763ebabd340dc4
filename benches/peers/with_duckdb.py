"""with_duckdb.py FOLDER FORM OUT: workload W in DuckDB, Parquet in, the difference out as CSV (op,id,ent).

Forms, of which the best counts:
  union   one SELECT a rule over the table in memory, a hundred rules a statement
  codes   the same, over integers instead of texts: every dictionary is encoded once
  list    one pass over people: a list of the rules that hold for each, unnested and joined with what rules grant
"""
import sys

import duckdb

from common import grants, rules

folder, form, out = sys.argv[1:4]
J = rules(folder)
G = grants(J)
db = duckdb.connect()
db.sql("SET enable_progress_bar = false")
db.sql("SET preserve_insertion_order = false")
q = lambda s: "'" + s.replace("'", "''") + "'"
TEXT = ["employment_type", "status", "department", "job_title", "location", "country", "legal_entity", "cost_center"]

if form == "codes":
    codes = {}
    joins, columns = [], ["p.id", "p.job_level", "p.hire_date", "p.end_date", "p.skills"]
    for a in TEXT:
        db.sql(f"CREATE TABLE d_{a} AS SELECT v, (row_number() OVER (ORDER BY v) - 1)::USMALLINT AS c FROM (SELECT DISTINCT {a} AS v FROM read_parquet('{folder}/people.parquet'))")
        codes[a] = dict(db.sql(f"SELECT v, c FROM d_{a}").fetchall())
        joins.append(f"JOIN d_{a} ON d_{a}.v = p.{a}")
        columns.append(f"d_{a}.c AS {a}")
    db.sql(f"CREATE TABLE p AS SELECT {', '.join(columns)} FROM read_parquet('{folder}/people.parquet') p {' '.join(joins)}")
else:
    db.sql(f"CREATE TABLE p AS SELECT * FROM read_parquet('{folder}/people.parquet')")


def among(a, values):
    found = sorted(codes[a][v] for v in values if v in codes[a])
    if not found:
        return "false"
    if len(found) > 1 and found == list(range(found[0], found[-1] + 1)):
        return f"{a} BETWEEN {found[0]} AND {found[-1]}"
    return f"{a} IN ({', '.join(map(str, found))})" if len(found) > 1 else f"{a} = {found[0]}"


def condition(e):
    if "all" in e:
        return "(" + " AND ".join(map(condition, e["all"])) + ")"
    if "any" in e:
        return "(" + " OR ".join(map(condition, e["any"])) + ")"
    if "not" in e:
        return f"(NOT {condition(e['not'])})"
    op, a, v = e["op"], e["attr"], e.get("value")
    if op == "null":
        return f"({a} IS NULL)"
    if op == "contains":
        return f"list_contains({a}, {q(v)})"
    if a in TEXT:
        if form == "codes":
            values = [w for w in codes[a] if w.startswith(v)] if op == "prefix" else v if op == "in" else [v]
            return f"({among(a, values)})"
        if op == "in":
            return f"({a} IN ({', '.join(map(q, v))}))"
        return f"starts_with({a}, {q(v)})" if op == "prefix" else f"({a} = {q(v)})"
    sign = {"lt": "<", "le": "<=", "ge": ">="}[op]
    value = f"DATE '{v}'" if a.endswith("_date") else v
    return f"coalesce({a} {sign} {value}, false)"


db.sql("CREATE TABLE grants (rule INTEGER, ent INTEGER)")

db.execute("INSERT INTO grants SELECT unnest($1::INTEGER[]), unnest($2::INTEGER[])", [[r for r, g in enumerate(G) for _ in g], [e for g in G for e in g]])
conditions = [condition(x["when"]) for x in J["rules"]]
if form == "list":
    cases = ", ".join(f"CASE WHEN {c} THEN {i} END" for i, c in enumerate(conditions))
    db.execute(f"CREATE TABLE matched AS SELECT id, rule FROM (SELECT id, unnest(list_filter([{cases}], lambda x: x IS NOT NULL)) AS rule FROM p)")
else:
    db.execute("CREATE TABLE matched (id INTEGER, rule INTEGER)")
    for at in range(0, len(conditions), 100):
        some = enumerate(conditions[at:at + 100], at)
        db.execute("INSERT INTO matched " + " UNION ALL ".join(f"SELECT id, {i} FROM p WHERE {c}" for i, c in some))
db.execute("CREATE TABLE desired AS SELECT DISTINCT id, ent FROM matched JOIN grants USING (rule)")
db.execute(f"""
    COPY (
        SELECT CASE WHEN d.id IS NULL THEN 'revoke' ELSE 'grant' END AS op, coalesce(d.id, a.id) AS id, coalesce(d.ent, a.ent) AS ent
        FROM desired d FULL JOIN read_parquet('{folder}/pairs.parquet') a ON d.id = a.id AND d.ent = a.ent
        WHERE d.id IS NULL OR a.id IS NULL
    ) TO '{out}' (FORMAT csv, HEADER)
""")
