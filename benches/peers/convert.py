"""convert.py FOLDER: a workload's CSV as Parquet, as a warehouse would hold it: `people.parquet`, `pairs.parquet`, and the actual state
by name in `actual-parquet/`. Not part of any measured time."""
import os
import sys

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as pq

from common import rules

folder = sys.argv[1]
text = ["employment_type", "status", "department", "job_title", "location", "country", "legal_entity", "cost_center"]
types = {"id": pa.int32(), "job_level": pa.int32(), "manager_id": pa.int32(), "hire_date": pa.date32(), "end_date": pa.date32(), "skills": pa.string()}
types |= {t: pa.dictionary(pa.int32(), pa.string()) for t in text}


def stream(name, out, types, change):
    writer = None
    options = csv.ConvertOptions(column_types=types, strings_can_be_null=False)
    for batch in csv.open_csv(f"{folder}/{name}", csv.ReadOptions(block_size=1 << 25), convert_options=options):
        table = change(pa.table(batch))
        writer = writer or pq.ParquetWriter(f"{folder}/{out}", table.schema, compression="snappy")
        writer.write_table(table)
    writer.close()


def people(t):
    skills = pc.split_pattern(t["skills"], ";")
    # Nobody's skills are one empty text.
    skills = pc.if_else(pc.equal(t["skills"], ""), pa.scalar([], pa.list_(pa.string())), skills)
    return t.set_column(t.schema.get_field_index("skills"), "skills", skills)


entitlements = sorted(rules(folder)["entitlements"], key=lambda e: e["id"])
kinds = {"account": "acct"}  # `account` is a word of Prov
names = {
    "app": pa.array([e["target"] for e in entitlements]).dictionary_encode(),
    "kind": pa.array([kinds.get(e["kind"], e["kind"]) for e in entitlements]).dictionary_encode(),
    "value": pa.array([e["value"] for e in entitlements]).dictionary_encode(),
}


def named(t):
    ent = t["ent"].combine_chunks()
    of = {k: pa.DictionaryArray.from_arrays(v.indices.take(ent), v.dictionary) for k, v in names.items()}
    return pa.table({"app": of["app"], "identity": pc.cast(t["id"], pa.string()), "kind": of["kind"], "value": of["value"]})


os.makedirs(f"{folder}/actual-parquet", exist_ok=True)
with open(f"{folder}/actual-parquet/accounts.csv", "w") as f:
    f.write("app,account,identity,enabled\n")
pairs = {"id": pa.int32(), "ent": pa.int32()}
stream("people.csv", "people.parquet", types, people)
stream("pairs.csv", "actual-parquet/entitlements.parquet", pairs, named)
stream("pairs.csv", "pairs.parquet", pairs, lambda t: t)
