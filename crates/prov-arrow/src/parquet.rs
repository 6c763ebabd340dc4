//! Parquet files. Invariant: a column is read by itself, row group by row group, so that an error names both.

use crate::{Broken, Sink, said, spell};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use std::sync::Arc;

/// How many rows are decoded at one time.
const BATCH: usize = 1 << 16;

/// An open file.
#[derive(Debug)]
pub(crate) struct Parquet {
    bytes: Bytes,
    metadata: ArrowReaderMetadata,
    columns: Vec<String>,
    rows: usize,
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
        let metadata = ArrowReaderMetadata::try_new(plain.metadata().clone(), options).unwrap_or(plain);
        let rows = metadata.metadata().row_groups().iter().try_fold(0usize, |sum, group| {
            usize::try_from(group.num_rows()).ok().and_then(|n| sum.checked_add(n))
        });
        let Some(rows) = rows.filter(|rows| u32::try_from(*rows).is_ok_and(|n| n < u32::MAX)) else {
            return Err(Broken::new("it says that it has a number of rows that can't be"));
        };
        Ok(Parquet { bytes, metadata, columns, rows })
    }

    pub(crate) fn columns(&self) -> &[String] {
        &self.columns
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn read(&self, column: usize, sink: &mut dyn Sink) -> Result<usize, Broken> {
        let mut rows = 0;
        for (number, group) in self.metadata.metadata().row_groups().iter().enumerate() {
            let broken =
                |e: &dyn std::fmt::Display| Broken::new(format!("row group {}: {}", number + 1, said(e)));
            let mask = ProjectionMask::roots(group.schema_descr(), [column]);
            let reader =
                ParquetRecordBatchReaderBuilder::new_with_metadata(self.bytes.clone(), self.metadata.clone())
                    .with_projection(mask)
                    .with_row_groups(vec![number])
                    .with_batch_size(BATCH)
                    .build()
                    .map_err(|e| broken(&e))?;
            let before = rows;
            for batch in reader {
                let batch = batch.map_err(|e| broken(&e))?;
                let Some(cells) = batch.columns().first() else { break };
                spell::column(cells.as_ref(), sink).map_err(|message| broken(&message))?;
                rows += cells.len();
            }
            let said = group.num_rows();
            if i64::try_from(rows - before).ok() != Some(said) {
                let (number, has) = (number + 1, rows - before);
                let message = format!("row group {number} has {has} rows and says it has {said}");
                return Err(Broken::new(message));
            }
        }
        Ok(rows)
    }
}

/// The same columns, but those of text are given as dictionaries: most are written so, and it is what is wanted.
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
