//! Parquet files. Invariant: an error names the row group; a group has as many rows as the file's end says, or there is
//! one.

use crate::{Broken, EachBatch, may_have, said};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::{Encoding, PageType};
use parquet::column::page::PageReader;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::serialized_reader::SerializedPageReader;
use std::sync::Arc;

/// How many rows are decoded at one time.
const BATCH: usize = 1 << 16;

/// An open file.
#[derive(Debug)]
pub(crate) struct Parquet {
    bytes: Bytes,
    /// Text is given as it is.
    plain: ArrowReaderMetadata,
    /// Text is given as a dictionary: most is written so, and it is what is wanted.
    coded: ArrowReaderMetadata,
    columns: Vec<String>,
    groups: Vec<usize>,
}

impl Parquet {
    pub(crate) fn open(bytes: Vec<u8>) -> Result<Parquet, Broken> {
        if !bytes.starts_with(b"PAR1") {
            return Err(Broken::new("it is no Parquet file: it does not begin with `PAR1`"));
        }
        if bytes.len() < 12 || !bytes.ends_with(b"PAR1") {
            let message = "it is cut off, or still being written: a Parquet file ends with `PAR1`";
            return Err(Broken::new(message));
        }
        let bytes = Bytes::from(bytes);
        let footer = |e: &dyn std::fmt::Display| Broken::new(format!("its end can't be read: {}", said(e)));
        // Types that only Arrow's own notes in the file would give are not needed, and may be at odds with the file.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let plain = ArrowReaderMetadata::load(&bytes, options).map_err(|e| footer(&e))?;
        let columns: Vec<String> = plain.schema().fields().iter().map(|f| f.name().clone()).collect();
        let wanted: SchemaRef = with_dictionaries(plain.schema());
        let options = ArrowReaderOptions::new().with_schema(wanted);
        let coded = ArrowReaderMetadata::try_new(plain.metadata().clone(), options);
        let coded = coded.unwrap_or_else(|_| plain.clone());
        let impossible = || Broken::new("it says that it has a number of rows that can't be");
        let groups: Option<Vec<usize>> = plain
            .metadata()
            .row_groups()
            .iter()
            .map(|group| usize::try_from(group.num_rows()).ok())
            .collect();
        let groups = groups.ok_or_else(impossible)?;
        let rows = groups.iter().try_fold(0usize, |sum, rows| sum.checked_add(*rows));
        if !rows.is_some_and(|rows| may_have(rows, bytes.len())) {
            return Err(impossible());
        }
        Ok(Parquet { bytes, plain, coded, columns, groups })
    }

    pub(crate) fn columns(&self) -> &[String] {
        &self.columns
    }

    pub(crate) fn groups(&self) -> &[usize] {
        &self.groups
    }

    pub(crate) fn read(
        &self,
        number: usize,
        columns: &[usize],
        each: &mut EachBatch<'_>,
    ) -> Result<(), Broken> {
        let broken =
            |e: &dyn std::fmt::Display| Broken::new(format!("row group {}: {}", number + 1, said(e)));
        let group = self.plain.metadata().row_group(number);
        let has = self.groups[number];
        for column in columns {
            for (chunk, meta) in group.columns().iter().enumerate() {
                if root(meta, &self.columns) == Some(*column) {
                    self.check_pages(number, chunk).map_err(|e| broken(&e))?;
                }
            }
        }
        // A reader a column: how text is best given is a matter of each.
        let reader = |column: usize| {
            let mut chunks = group.columns().iter().filter(|c| root(c, &self.columns) == Some(column));
            // What is no dictionary in the file would be made one first, by hashing each cell.
            let of = if chunks.all(is_coded) { &self.coded } else { &self.plain };
            ParquetRecordBatchReaderBuilder::new_with_metadata(self.bytes.clone(), of.clone())
                .with_projection(ProjectionMask::roots(group.schema_descr(), [column]))
                .with_row_groups(vec![number])
                .with_batch_size(BATCH.min(has.max(1)))
                .build()
                .map_err(|e| broken(&e))
        };
        let mut rows = 0;
        let mut readers = columns.iter().map(|c| reader(*c)).collect::<Result<Vec<_>, _>>()?;
        loop {
            let mut cells = Vec::with_capacity(columns.len());
            for reader in &mut readers {
                if let Some(batch) = reader.next() {
                    cells.extend(batch.map_err(|e| broken(&e))?.columns().first().cloned());
                }
            }
            let Some(first) = cells.first() else { break };
            if cells.len() != columns.len() || cells.iter().any(|c| c.len() != first.len()) {
                return Err(broken(&"its columns have different numbers of rows"));
            }
            rows += first.len();
            each(&cells).map_err(|message| broken(&message))?;
        }
        if rows != has {
            let message = format!("row group {} has {rows} rows and says it has {has}", number + 1);
            return Err(Broken::new(message));
        }
        Ok(())
    }
}

impl Parquet {
    /// Holds what the pages of a chunk say they have against what the file's end says, and that against the bytes that
    /// there are: a page of a few bytes can say that it has billions of values, for which the reader would make room.
    fn check_pages(&self, group: usize, chunk: usize) -> Result<(), String> {
        let (group, rows) = (self.plain.metadata().row_group(group), self.groups[group]);
        let meta = group.column(chunk);
        let values = usize::try_from(meta.num_values()).ok().filter(|n| may_have(*n, self.bytes.len()));
        let values = values.ok_or("a column says that it has a number of values that can't be")?;
        let mut pages = SerializedPageReader::new(Arc::new(self.bytes.clone()), meta, rows, None)
            .map_err(|e| said(&e))?;
        let mut left = values;
        while let Some(page) = pages.peek_next_page().map_err(|e| said(&e))? {
            if !page.is_dict {
                let in_page = page.num_levels.or(page.num_rows).unwrap_or(0);
                left =
                    left.checked_sub(in_page).ok_or("a page says that it has more values than its column")?;
            }
            pages.skip_next_page().map_err(|e| said(&e))?;
        }
        Ok(())
    }
}

/// The top-level column that a chunk belongs to.
fn root(chunk: &ColumnChunkMetaData, columns: &[String]) -> Option<usize> {
    let name = chunk.column_path().parts().first()?;
    columns.iter().position(|c| c == name)
}

/// Whether all pages of a chunk name values of a dictionary, as far as the file says.
fn is_coded(chunk: &ColumnChunkMetaData) -> bool {
    let coded = |e: Encoding| matches!(e, Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY);
    if let Some(stats) = chunk.page_encoding_stats() {
        let pages = |t: PageType| matches!(t, PageType::DATA_PAGE | PageType::DATA_PAGE_V2);
        return stats.iter().filter(|s| pages(s.page_type)).all(|s| coded(s.encoding));
    }
    if let Some(mask) = chunk.page_encoding_stats_mask() {
        return mask.encodings().all(coded);
    }
    chunk.dictionary_page_offset().is_some()
}

/// The same columns, but those of text are given as dictionaries.
fn with_dictionaries(schema: &SchemaRef) -> SchemaRef {
    let field = |field: &Arc<Field>| match field.data_type() {
        DataType::Utf8 => {
            let keys = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
            Arc::new(Field::new(field.name(), keys, field.is_nullable()))
        }
        _ => field.clone(),
    };
    let fields: Vec<Arc<Field>> = schema.fields().iter().map(field).collect();
    Arc::new(Schema::new(fields))
}
