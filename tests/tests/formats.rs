//! The same population and the same actual state from CSV, JSON Lines, Parquet and Arrow, also compressed, and packed: the
//! same plan, on any number of threads.
//! And files that are broken: an error that names file and column, never a panic.
//! Invariant: plans are compared as the bytes that `--out` writes.

use arrow_array::builder::{ListBuilder, StringBuilder, StringDictionaryBuilder};
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, BooleanArray, Date32Array, Int64Array, RecordBatch, StringArray};
use arrow_array::{Float64Array, TimestampMicrosecondArray};
use prov::{Actual, Backend, Memory, Policy, Population, Wiring};
use std::fs;
use std::sync::Arc;

const POLICY: &str = r#"
identity person {
    id     : string key
    name   : text
    level  : int
    share  : decimal?
    active : bool
    start  : date
    seen   : instant?
    skills : set of text
}
source hr of person authoritative {}
app ad via file { managed all  entitlement group(string) }
birthright staff when active { grant ad.group("staff") }
birthright senior when level >= 5 and start < 2020-01-01 { grant ad.group("senior") }
birthright half when share is present and share < 1.0 { grant ad.group("half") }
birthright recent when seen is present and date(seen) > 2026-01-01 { grant ad.group("recent") }
birthright rust when "Rust" in skills { grant ad.group("rust") }
birthright lee when name == "ÉLAN" { grant ad.group("élan") }
"#;

const NAMES: [&str; 4] = ["Ann Lee", "élan", "O'Brien, \"Bo\"", "Li Wei"];

/// A person as the formats have them.
struct Row {
    id: String,
    name: &'static str,
    level: i64,
    share: Option<f64>,
    active: bool,
    start: i32,
    seen: Option<i64>,
    skills: Vec<&'static str>,
}

fn rows() -> Vec<Row> {
    (0..700i64)
        .map(|i| Row {
            id: format!("p{i}"),
            name: NAMES[i as usize % 4],
            level: i % 9,
            share: (i % 3 != 0).then_some([1.0, 0.5][i as usize % 2]),
            active: i % 5 != 0,
            start: 17_000 + (i as i32 % 40) * 60,
            seen: (i % 4 != 0).then_some((1_766_000_000 + i * 5_000) * 1_000_000),
            skills: ["rust", "go", "sql"].into_iter().take(i as usize % 4).collect(),
        })
        .collect()
}

/// The spelling of a day, and of an instant in microseconds.
fn spelled(days: i32) -> String {
    prov_model::Date(days).to_string()
}

fn instant(micros: i64) -> String {
    prov_model::Instant(micros / 1_000_000).to_string()
}

fn csv(rows: &[Row]) -> String {
    let mut out = String::from("id,name,level,share,active,start,seen,skills,unused\n");
    for r in rows {
        out += &format!(
            "{},\"{}\",{},{},{},{},{},{},x\n",
            r.id,
            r.name.replace('"', "\"\""),
            r.level,
            r.share.map_or(String::new(), |s| s.to_string()),
            r.active,
            spelled(r.start),
            r.seen.map_or(String::new(), instant),
            r.skills.join(";"),
        );
    }
    out
}

fn jsonl(rows: &[Row]) -> String {
    let line = |r: &Row| {
        serde_json::json!({
            "id": r.id, "name": r.name, "level": r.level, "share": r.share, "active": r.active,
            "start": spelled(r.start), "seen": r.seen.map(instant), "skills": r.skills, "unused": [1],
        })
        .to_string()
            + "\n"
    };
    rows.iter().map(line).collect()
}

fn batch(rows: &[Row]) -> RecordBatch {
    let mut names = StringDictionaryBuilder::<Int32Type>::new();
    let mut skills = ListBuilder::new(StringBuilder::new());
    for r in rows {
        names.append_value(r.name);
        r.skills.iter().for_each(|s| skills.values().append_value(s));
        skills.append(true);
    }
    let columns: [(&str, ArrayRef); 9] = [
        ("id", Arc::new(rows.iter().map(|r| Some(r.id.as_str())).collect::<StringArray>())),
        ("name", Arc::new(names.finish())),
        ("level", Arc::new(rows.iter().map(|r| Some(r.level)).collect::<Int64Array>())),
        ("share", Arc::new(rows.iter().map(|r| r.share).collect::<Float64Array>())),
        ("active", Arc::new(rows.iter().map(|r| Some(r.active)).collect::<BooleanArray>())),
        ("start", Arc::new(rows.iter().map(|r| Some(r.start)).collect::<Date32Array>())),
        (
            "seen",
            Arc::new(rows.iter().map(|r| r.seen).collect::<TimestampMicrosecondArray>().with_timezone("UTC")),
        ),
        ("skills", Arc::new(skills.finish())),
        // Nobody reads it, and nobody could.
        ("unused", Arc::new(arrow_array::BinaryArray::from_iter_values(rows.iter().map(|_| [0xFFu8])))),
    ];
    RecordBatch::try_from_iter(columns).expect("a batch")
}

fn parquet(batch: &RecordBatch, group: usize) -> Vec<u8> {
    let properties = parquet::file::properties::WriterProperties::builder()
        .set_max_row_group_row_count(Some(group))
        .set_compression(parquet::basic::Compression::SNAPPY)
        .build();
    let mut out = Vec::new();
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(&mut out, batch.schema(), Some(properties)).expect("a writer");
    writer.write(batch).expect("written");
    writer.close().expect("closed");
    out
}

/// Batches of so many rows, as a file of Arrow's or as a stream.
fn arrow(batch: &RecordBatch, group: usize, stream: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let parts = (0..batch.num_rows()).step_by(group);
    let parts = parts.map(|at| batch.slice(at, group.min(batch.num_rows() - at)));
    // Each batch may have a dictionary of its own in a stream only.
    if stream {
        let mut writer =
            arrow_ipc::writer::StreamWriter::try_new(&mut out, &batch.schema()).expect("a writer");
        parts.for_each(|part| writer.write(&part).expect("written"));
        writer.finish().expect("finished");
    } else {
        let mut writer = arrow_ipc::writer::FileWriter::try_new(&mut out, &batch.schema()).expect("a writer");
        parts.for_each(|part| writer.write(&part).expect("written"));
        writer.finish().expect("finished");
    }
    out
}

/// What comes of reading and planning on so many threads.
fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads").install(work)
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).expect("packed");
    out.finish().expect("packed")
}

struct Folder(tempfile::TempDir, Policy);

impl Folder {
    fn new() -> Folder {
        let dir = tempfile::tempdir().expect("a folder");
        fs::write(dir.path().join("main.prov"), POLICY).expect("written");
        let policy = Policy::load(dir.path()).unwrap_or_else(|e| panic!("{e}"));
        Folder(dir, policy)
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn people(&self, name: &str, bytes: &[u8]) -> Result<Population, prov::Error> {
        let path = self.path(name);
        fs::write(&path, bytes).expect("written");
        let mut wiring = Wiring::default();
        wiring.sources.insert("hr".into(), path);
        Population::load(&self.1, &wiring, &self.1.at("2026-03-02").expect("a day"))
    }

    fn plan(&self, people: &Population, actual: &Actual) -> String {
        let at = self.1.at("2026-03-02").expect("a day");
        let engine = self.1.compile(Backend::Auto).expect("an engine");
        let mut out = Vec::new();
        let plan = engine.plan(&engine.evaluate(people, &at), actual, &Memory::default());
        plan.write_jsonl(&mut out).expect("written");
        String::from_utf8(out).expect("UTF-8")
    }
}

#[test]
fn every_format_gives_the_same_plan() {
    let (folder, rows) = (Folder::new(), rows());
    let batch = batch(&rows);
    let actual = Actual::empty();
    let want = folder.plan(&folder.people("hr.csv", csv(&rows).as_bytes()).unwrap(), &actual);
    for word in ["staff", "senior", "half", "recent", "rust", "élan"] {
        assert!(want.contains(&format!("\"value\":\"{word}\"")), "nobody gets `{word}`:\n{}", &want[..400]);
    }
    let files: [(&str, Vec<u8>); 11] = [
        ("hr.csv", csv(&rows).into_bytes()),
        ("hr.arrow", arrow(&batch, 1 << 20, false)),
        ("hr.feather", arrow(&batch, 90, false)),
        ("hr.arrows", arrow(&batch, 90, true)),
        ("hr.arrows.gz", gz(&arrow(&batch, 1 << 20, true))),
        ("hr.jsonl", jsonl(&rows).into_bytes()),
        ("hr.parquet", parquet(&batch, 1 << 20)),
        ("groups.parquet", parquet(&batch, 90)),
        ("hr.csv.gz", gz(csv(&rows).as_bytes())),
        ("hr.csv.zst", zstd::encode_all(csv(&rows).as_bytes(), 1).expect("packed")),
        ("hr.jsonl.gz", gz(jsonl(&rows).as_bytes())),
    ];
    for (name, bytes) in files {
        for threads in [1, 2, 7] {
            let plan = on_threads(threads, || {
                let people = folder.people(name, &bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
                folder.plan(&people, &actual)
            });
            assert!(plan == want, "{name} gives another plan on {threads} threads");
        }
    }
}

#[test]
fn the_actual_state_is_the_same_from_every_format() {
    let (folder, rows) = (Folder::new(), rows());
    let people = folder.people("hr.csv", csv(&rows).as_bytes()).unwrap();
    let held: Vec<(String, &str)> =
        rows.iter().map(|r| (r.id.clone(), ["staff", "old", "rust"][r.level as usize % 3])).collect();
    let text: String = held.iter().map(|(id, v)| format!("ad,{id},group,{v}\n")).collect();
    let texts = |f: &dyn Fn(&(String, &'static str)) -> String| -> ArrayRef {
        Arc::new(held.iter().map(|h| Some(f(h))).collect::<StringArray>())
    };
    let table = RecordBatch::try_from_iter([
        ("app", texts(&|_| "ad".to_owned())),
        ("identity", texts(&|h| h.0.clone())),
        ("kind", texts(&|_| "group".to_owned())),
        ("value", texts(&|h| h.1.to_owned())),
    ])
    .expect("a batch");
    let lines: String = held
        .iter()
        .map(|(id, v)| {
            format!("{{\"value\":\"{v}\",\"app\":\"ad\",\"identity\":\"{id}\",\"kind\":\"group\"}}\n")
        })
        .collect();
    let mut plans = Vec::new();
    for (name, bytes) in [
        ("entitlements.csv", format!("app,identity,kind,value\n{text}").into_bytes()),
        ("entitlements.csv.gz", gz(format!("app,identity,kind,value\n{text}").as_bytes())),
        ("entitlements.parquet", parquet(&table, 100)),
        ("entitlements.arrow", arrow(&table, 1 << 20, false)),
        ("entitlements.arrows", arrow(&table, 100, true)),
        ("entitlements.jsonl", lines.into_bytes()),
    ] {
        let dir = folder.path(&format!("actual-{name}"));
        fs::create_dir(&dir).expect("made");
        fs::write(dir.join(name), bytes).expect("written");
        for threads in [1, 2, 7] {
            plans.push((
                name,
                on_threads(threads, || {
                    let actual = Actual::load(&folder.1, &dir).unwrap_or_else(|e| panic!("{name}: {e}"));
                    folder.plan(&people, &actual)
                }),
            ));
        }
    }
    let packed = folder.path("state.provstate");
    let mut bytes = Vec::new();
    Actual::pack(folder.path("actual-entitlements.csv")).expect("packed").write(&mut bytes).expect("written");
    fs::write(&packed, bytes).expect("written");
    plans.push(("state.provstate", folder.plan(&people, &Actual::load(&folder.1, &packed).expect("read"))));
    assert!(plans[0].1.contains("\"action\":\"revoke\"") && plans[0].1.contains("\"action\":\"grant\""));
    for (name, plan) in &plans[1..] {
        assert!(*plan == plans[0].1, "{name} gives another plan");
    }
}

/// The message of a file that can't be read.
fn refusal(folder: &Folder, name: &str, bytes: &[u8]) -> String {
    match folder.people(name, bytes) {
        Ok(people) => panic!("{name} was read: {} people", people.len()),
        // However wide the lines are.
        Err(e) => e.to_string().replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

#[test]
fn what_is_cut_short_is_refused() {
    let (folder, rows) = (Folder::new(), rows());
    let batch = batch(&rows);
    for (name, bytes) in [
        ("hr.parquet", parquet(&batch, 90)),
        ("hr.csv.gz", gz(csv(&rows).as_bytes())),
        ("hr.csv.zst", zstd::encode_all(csv(&rows).as_bytes(), 1).expect("packed")),
        ("hr.arrow", arrow(&batch, 90, false)),
        ("hr.arrows", arrow(&batch, 90, true)),
    ] {
        for len in [0, 1, 3, 4, 7, 8, 40, bytes.len() / 2, bytes.len() - 1] {
            let said = refusal(&folder, name, &bytes[..len]);
            assert!(said.contains("P0623") && said.contains(name), "{name}, {len} bytes: {said}");
        }
    }
}

#[test]
fn a_broken_column_is_named_and_others_do_not_matter() {
    let (folder, rows) = (Folder::new(), rows());
    let only = |name: &str, column: ArrayRef| {
        let mut columns: Vec<(String, ArrayRef)> = Vec::new();
        let batch = batch(&rows);
        for (field, cells) in batch.schema().fields().iter().zip(batch.columns()) {
            let cells = if field.name() == name { column.clone() } else { cells.clone() };
            columns.push((field.name().clone(), cells));
        }
        parquet(&RecordBatch::try_from_iter(columns).expect("a batch"), 1 << 20)
    };
    let bytes: ArrayRef = Arc::new(arrow_array::BinaryArray::from_iter_values(rows.iter().map(|_| [1u8])));
    let said = refusal(&folder, "hr.parquet", &only("name", bytes));
    assert!(said.contains("column `name`") && said.contains("row group 1"), "{said}");
    // A value that is not of its type is the row's: held, with the number of the row.
    let words: ArrayRef =
        Arc::new(rows.iter().map(|r| Some(if r.id == "p7" { "x" } else { "1" })).collect::<StringArray>());
    let people = folder.people("hr.parquet", &only("level", words)).unwrap();
    let said: Vec<String> =
        people.rejections().iter().map(|r| format!("{}:{:?}: {}", r.line, r.column, r.message)).collect();
    assert_eq!(said, ["8:Some(\"level\"): `x` is not a whole number"]);
}

#[test]
fn bytes_that_are_changed_never_panic() {
    let (folder, rows) = (Folder::new(), rows());
    let batch = batch(&rows[..60]);
    let mut state = 7u64;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    for (name, bytes) in [
        ("hr.parquet", parquet(&batch, 25)),
        ("hr.arrow", arrow(&batch, 25, false)),
        ("hr.arrows", arrow(&batch, 25, true)),
    ] {
        for _ in 0..300 {
            let mut broken = bytes.clone();
            for _ in 0..1 + next() % 3 {
                let at = next() % broken.len();
                broken[at] = next() as u8;
            }
            // Read or refused: either will do.
            let _ = folder.people(name, &broken).map(|p| p.len());
        }
    }
}

#[test]
fn numbers_of_rows_that_can_t_be_are_refused() {
    let (folder, rows) = (Folder::new(), rows());
    let batch = batch(&rows[..20]);
    // The length of a batch stands in eight bytes, as do those of its columns.
    let bytes = arrow(&batch, 20, true);
    let twenty = 20u64.to_le_bytes();
    let places: Vec<usize> =
        (0..bytes.len() - 8).filter(|at| bytes[*at..*at + 8] == twenty && at % 8 == 0).collect();
    assert!(places.len() > 9, "{places:?}");
    for place in places {
        for huge in [u64::MAX, 1 << 62, 1 << 50, u64::from(u32::MAX)] {
            let mut broken = bytes.clone();
            broken[place..place + 8].copy_from_slice(&huge.to_le_bytes());
            // Some of these numbers are of columns that nobody reads.
            if let Err(e) = folder.people("hr.arrows", &broken) {
                assert!(e.to_string().contains("P0623"), "{e}");
            }
        }
    }
}
