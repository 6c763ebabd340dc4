//! Arrow's own files and streams (`.arrow`, `.feather`, `.arrows`).
//!
//! The reader below believes what lengths a file tells, and asks the system for as much memory. So every block, node and
//! buffer is held against the bytes that there are before it sees them. Invariant: nothing goes to it that points outside
//! its own block.

use crate::{Broken, EachBatch, may_have, said};
use arrow_buffer::Buffer;
use arrow_ipc::convert::fb_to_schema;
use arrow_ipc::reader::FileDecoder;
use arrow_ipc::{Block, Endianness, Message, MessageHeader, MetadataVersion, RecordBatch};
use arrow_schema::SchemaRef;
use bytes::Bytes;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

/// What a file begins and ends with; streams have no such mark.
const MAGIC: &[u8] = b"ARROW1";
/// What stands before every message.
const MESSAGE: [u8; 4] = [0xFF; 4];
/// How many rows make a group, at least.
const GROUP: usize = 1 << 20;
/// Nested types that are deeper say nothing about people.
const DEPTH: usize = 16;

/// An open file or stream.
#[derive(Debug)]
pub(crate) struct Ipc {
    bytes: Buffer,
    schema: SchemaRef,
    version: MetadataVersion,
    columns: Vec<String>,
    /// By column, the dictionaries that it names.
    dictionaries: Vec<BTreeSet<i64>>,
    /// All blocks in order; of a file those of dictionaries first.
    blocks: Vec<Of>,
    /// Stretches of blocks, and how many rows each has.
    stretches: Vec<Range<usize>>,
    groups: Vec<usize>,
}

/// A block and what it holds.
#[derive(Clone, Copy, Debug)]
enum Of {
    Dictionary(Block, i64),
    /// So many rows.
    Rows(Block, usize),
}

/// Where the blocks of a file are.
struct Layout {
    schema: SchemaRef,
    version: MetadataVersion,
    dictionaries: Vec<BTreeSet<i64>>,
    blocks: Vec<Block>,
}

impl Ipc {
    pub(crate) fn open(bytes: Vec<u8>) -> Result<Ipc, Broken> {
        let bytes = Buffer::from(Bytes::from(bytes));
        if bytes.starts_with(b"FEA1") {
            return Err(Broken::new(
                "it is a Feather file of the first version: write it as version 2, or as Parquet",
            ));
        }
        let layout = if bytes.starts_with(MAGIC) { file(&bytes)? } else { stream(&bytes)? };
        let columns: Vec<String> = layout.schema.fields().iter().map(|f| f.name().clone()).collect();
        let mut blocks = Vec::with_capacity(layout.blocks.len());
        let mut rows = 0usize;
        for (number, block) in layout.blocks.into_iter().enumerate() {
            let of = checked(&bytes, block, layout.version)
                .map_err(|e| Broken::new(format!("block {}: {e}", number + 1)))?;
            if let Of::Rows(_, has) = of {
                rows = rows.saturating_add(has);
            }
            blocks.push(of);
        }
        if !may_have(rows, bytes.len()) {
            return Err(Broken::new("it says that it has a number of rows that can't be"));
        }
        let (mut stretches, mut groups) = (Vec::new(), Vec::new());
        let (mut start, mut has) = (0, 0);
        for (number, block) in blocks.iter().enumerate() {
            if let Of::Rows(_, rows) = block {
                has += rows;
            }
            if has >= GROUP || number + 1 == blocks.len() {
                stretches.push(start..number + 1);
                groups.push(has);
                (start, has) = (number + 1, 0);
            }
        }
        let Layout { schema, version, dictionaries, .. } = layout;
        Ok(Ipc { bytes, schema, version, columns, dictionaries, blocks, stretches, groups })
    }

    pub(crate) fn columns(&self) -> &[String] {
        &self.columns
    }

    pub(crate) fn groups(&self) -> &[usize] {
        &self.groups
    }

    pub(crate) fn read(
        &self,
        group: usize,
        columns: &[usize],
        each: &mut EachBatch<'_>,
    ) -> Result<(), Broken> {
        let mut decoder =
            FileDecoder::new(self.schema.clone(), self.version).with_projection(columns.to_vec());
        let named: BTreeSet<i64> = columns.iter().flat_map(|c| &self.dictionaries[*c]).copied().collect();
        let stretch = self.stretches[group].clone();
        // A dictionary holds until another of its number comes, however far away its rows are.
        for (number, block) in self.blocks[..stretch.end].iter().enumerate() {
            let broken =
                |e: &dyn std::fmt::Display| Broken::new(format!("block {}: {}", number + 1, said(e)));
            match *block {
                Of::Dictionary(block, id) if named.contains(&id) => {
                    decoder
                        .read_dictionary(&block, &bytes_of(&self.bytes, &block))
                        .map_err(|e| broken(&e))?;
                }
                Of::Rows(block, rows) if number >= stretch.start => {
                    let batch = decoder.read_record_batch(&block, &bytes_of(&self.bytes, &block));
                    let batch = batch.map_err(|e| broken(&e))?;
                    let batch = batch.ok_or_else(|| broken(&"it has no rows"))?;
                    if batch.num_rows() != rows || batch.num_columns() != columns.len() {
                        return Err(broken(&"it has other rows than it says"));
                    }
                    each(batch.columns()).map_err(|message| broken(&message))?;
                }
                Of::Dictionary(..) | Of::Rows(..) => {}
            }
        }
        Ok(())
    }
}

/// The bytes of a block that was checked.
fn bytes_of(bytes: &Buffer, block: &Block) -> Buffer {
    let len = block.metaDataLength() as usize + block.bodyLength() as usize;
    bytes.slice_with_length(block.offset() as usize, len)
}

/// A file: its end says where everything is.
fn file(bytes: &[u8]) -> Result<Layout, Broken> {
    let cut = || Broken::new("it is cut off, or still being written: an Arrow file ends with `ARROW1`");
    if bytes.len() < 24 || !bytes.ends_with(MAGIC) {
        return Err(cut());
    }
    let end = bytes.len() - MAGIC.len() - 4;
    let len = usize::try_from(int(bytes, end)).ok().filter(|len| *len <= end - 8).ok_or_else(cut)?;
    let footer = arrow_ipc::root_as_footer(&bytes[end - len..end])
        .map_err(|e| Broken::new(format!("its end can't be read: {}", said(&e))))?;
    let schema = footer.schema().ok_or_else(|| Broken::new("its end names no columns"))?;
    let (schema, dictionaries) = columns(schema)?;
    let blocks =
        footer.dictionaries().into_iter().flatten().chain(footer.recordBatches().into_iter().flatten());
    Ok(Layout { schema, version: footer.version(), dictionaries, blocks: blocks.copied().collect() })
}

/// A stream: messages one behind the other, up to its end mark.
fn stream(bytes: &[u8]) -> Result<Layout, Broken> {
    if !bytes.starts_with(&MESSAGE) {
        return Err(Broken::new("it is neither an Arrow file nor a stream: it begins as none of them"));
    }
    let cut = || Broken::new("it is cut off, or still being written: a stream ends with its end mark");
    let mut at = 0;
    let mut layout: Option<Layout> = None;
    loop {
        let head = bytes.get(at..at + 8).ok_or_else(cut)?;
        let len =
            usize::try_from(int(head, 4)).ok().filter(|_| head.starts_with(&MESSAGE)).ok_or_else(cut)?;
        if len == 0 {
            break;
        }
        let message = bytes.get(at + 8..).and_then(|rest| rest.get(..len)).ok_or_else(cut)?;
        let message = arrow_ipc::root_as_message(message)
            .map_err(|e| Broken::new(format!("byte {at}: {}", said(&e))))?;
        let body = usize::try_from(message.bodyLength()).ok().ok_or_else(cut)?;
        let next = (at + 8 + len).checked_add(body).filter(|next| *next <= bytes.len()).ok_or_else(cut)?;
        match (&mut layout, message.header_as_schema()) {
            (None, Some(schema)) => {
                let (schema, dictionaries) = columns(schema)?;
                layout =
                    Some(Layout { schema, version: message.version(), dictionaries, blocks: Vec::new() });
            }
            (Some(layout), None) => layout.blocks.push(Block::new(at as i64, 8 + len as i32, body as i64)),
            (None, None) => return Err(Broken::new("its first message does not name the columns")),
            (Some(_), Some(_)) => return Err(Broken::new("it names its columns twice")),
        }
        at = next;
    }
    layout.ok_or_else(|| Broken::new("it ends before it names its columns"))
}

/// Four bytes as a number; 0 where they are not there.
fn int(bytes: &[u8], at: usize) -> i32 {
    bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, i32::from_le_bytes)
}

/// The schema, and by column the numbers of its dictionaries.
fn columns(schema: arrow_ipc::Schema<'_>) -> Result<(SchemaRef, Vec<BTreeSet<i64>>), Broken> {
    if schema.endianness() != Endianness::Little {
        return Err(Broken::new(
            "its numbers have their highest byte first: write it on another kind of machine",
        ));
    }
    let Some(fields) = schema.fields() else { return Err(Broken::new("it names no columns")) };
    let mut dictionaries = Vec::with_capacity(fields.len());
    for field in fields {
        let mut of = BTreeSet::new();
        named(field, DEPTH, &mut of)?;
        dictionaries.push(of);
    }
    Ok((Arc::new(fb_to_schema(schema)), dictionaries))
}

fn named(field: arrow_ipc::Field<'_>, depth: usize, of: &mut BTreeSet<i64>) -> Result<(), Broken> {
    if depth == 0 {
        return Err(Broken::new("a column is nested too deep"));
    }
    of.extend(field.dictionary().map(|d| d.id()));
    field.children().into_iter().flatten().try_for_each(|child| named(child, depth - 1, of))
}

/// A block that lies within the bytes, and whose parts lie within it.
fn checked(bytes: &[u8], block: Block, version: MetadataVersion) -> Result<Of, String> {
    let outside = || "it lies outside the file".to_owned();
    let start = usize::try_from(block.offset()).map_err(|_| outside())?;
    let about = usize::try_from(block.metaDataLength()).map_err(|_| outside())?;
    let body = usize::try_from(block.bodyLength()).map_err(|_| outside())?;
    let end = start.checked_add(about).and_then(|end| end.checked_add(body)).ok_or_else(outside)?;
    if end > bytes.len() || about < 8 {
        return Err(outside());
    }
    let about = &bytes[start..start + about];
    let message = if about.starts_with(&MESSAGE) { &about[8..] } else { &about[4..] };
    let message: Message<'_> = arrow_ipc::root_as_message(message).map_err(|e| said(&e))?;
    if !matches!(version, MetadataVersion::V4 | MetadataVersion::V5) || message.version() != version {
        return Err("it is of a version that can't be read".to_owned());
    }
    match message.header_type() {
        MessageHeader::RecordBatch => {
            let batch = message.header_as_record_batch().ok_or("it has no rows")?;
            Ok(Of::Rows(block, parts(batch, body, bytes.len())?))
        }
        MessageHeader::DictionaryBatch => {
            let dictionary = message.header_as_dictionary_batch().ok_or("it has no values")?;
            parts(dictionary.data().ok_or("it has no values")?, body, bytes.len())?;
            Ok(Of::Dictionary(block, dictionary.id()))
        }
        _ => Err("it is neither rows nor a dictionary".to_owned()),
    }
}

/// Holds the parts of a batch against the bytes of its body; how many rows it has.
fn parts(batch: RecordBatch<'_>, body: usize, file: usize) -> Result<usize, String> {
    if batch.compression().is_some() {
        return Err("its buffers are compressed one by one, which is not read: write it without, or the whole as `.zst`".to_owned());
    }
    let rows = usize::try_from(batch.length()).ok().filter(|rows| may_have(*rows, file));
    let rows = rows.ok_or("it says that it has a number of rows that can't be")?;
    for node in batch.nodes().into_iter().flatten() {
        let length = usize::try_from(node.length()).ok().filter(|length| may_have(*length, file));
        let nulls = usize::try_from(node.null_count()).ok();
        if length.zip(nulls).is_none_or(|(length, nulls)| nulls > length) {
            return Err("a column in it has a length that can't be".to_owned());
        }
    }
    let mut buffers = 0i64;
    for buffer in batch.buffers().into_iter().flatten() {
        buffers += 1;
        let range = usize::try_from(buffer.offset()).ok().zip(usize::try_from(buffer.length()).ok());
        if range.and_then(|(start, len)| start.checked_add(len)).is_none_or(|end| end > body) {
            return Err("a buffer lies outside it".to_owned());
        }
    }
    let mut several = batch.variadicBufferCounts().into_iter().flatten();
    if several.try_fold(0i64, |sum, n| sum.checked_add(n).filter(|_| n >= 0)).is_none_or(|sum| sum > buffers)
    {
        return Err("it says that it has more buffers than there are".to_owned());
    }
    Ok(rows)
}
