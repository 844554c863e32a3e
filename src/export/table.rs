//! Entries as a table of Parquet (format 2, compressed with Snappy), for programs that count: the columns of
//! CSV, typed, and the whole entry as it was recorded in the last one. No column is nested or repeated.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use super::{Row, TEXT_COLUMNS, row};
use crate::entry::Entry;

/// Most rows, and about most bytes of entries, that wait in memory until they are written together.
const ROWS_MAX: usize = 65_536;
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// Of an optional column: there, and not there.
const PRESENT: i16 = 1;
const ABSENT: i16 = 0;

/// A file of Parquet that is being written. Without [`Table::finish`] it is none.
pub struct Table<Out: Write + Send> {
    writer: SerializedFileWriter<Out>,
    rows: Vec<(Row, Vec<u8>)>,
    bytes: usize,
}

impl<Out: Write + Send> std::fmt::Debug for Table<Out> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Table({} rows wait)", self.rows.len())
    }
}

impl<Out: Write + Send> Table<Out> {
    /// An empty table of entries of the log `origin`, which is kept in the file's metadata.
    ///
    /// # Errors
    ///
    /// Those of writing.
    pub fn new(out: Out, origin: &str) -> Result<Self> {
        let texts: String = TEXT_COLUMNS
            .iter()
            .map(|name| format!("optional binary {name} (STRING); "))
            .collect();
        let schema = format!(
            "message entries {{ required int64 entry (INTEGER(64, false)); \
             required int64 time (TIMESTAMP(MICROS, true)); required int64 persons; {texts}\
             required binary record (JSON); }}"
        );
        let schema = Arc::new(parse_message_type(&schema)?);
        let origin = KeyValue::new("covenant.origin".to_owned(), origin.to_owned());
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by("covenant".to_owned())
            .set_key_value_metadata(Some(vec![origin]))
            .build();
        Ok(Self {
            writer: SerializedFileWriter::new(out, schema, Arc::new(properties))?,
            rows: Vec::new(),
            bytes: 0,
        })
    }

    /// Adds an entry with its index and its bytes.
    ///
    /// # Errors
    ///
    /// Those of writing.
    pub fn add(&mut self, index: u64, bytes: Vec<u8>, entry: &Entry) -> Result<()> {
        self.bytes += bytes.len();
        self.rows.push((row(index, entry), bytes));
        if self.rows.len() >= ROWS_MAX || self.bytes >= BYTES_MAX {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes what still waits, and the end of the file.
    ///
    /// # Errors
    ///
    /// Those of writing.
    pub fn finish(mut self) -> Result<Out> {
        self.flush()?;
        self.writer.into_inner()
    }

    fn flush(&mut self) -> Result<()> {
        let rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        if rows.is_empty() {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        let numbers = |of: fn(&Row) -> i64| rows.iter().map(|(row, _)| of(row)).collect::<Vec<_>>();
        // The indexes of a log are below 2^63, and stand as they are.
        let entries = numbers(|row| row.entry.cast_signed());
        let times = numbers(|row| row.time.as_microsecond());
        let persons = numbers(|row| i64::try_from(row.persons).unwrap_or(i64::MAX));
        for values in [entries, times, persons] {
            write::<Out, Int64Type>(&mut group, &values, None)?;
        }
        for place in 0..TEXT_COLUMNS.len() {
            let texts = rows.iter().map(|(row, _)| row.texts.get(place));
            let texts = texts.map(|text| text.filter(|text| !text.is_empty()));
            let (mut values, mut levels) = (Vec::new(), Vec::with_capacity(rows.len()));
            for text in texts {
                levels.push(if text.is_some() { PRESENT } else { ABSENT });
                values.extend(text.map(|text| ByteArray::from(text.as_str())));
            }
            write::<Out, ByteArrayType>(&mut group, &values, Some(&levels))?;
        }
        let records: Vec<_> = rows.into_iter().map(|(_, bytes)| bytes.into()).collect();
        write::<Out, ByteArrayType>(&mut group, &records, None)?;
        group.close()?;
        Ok(())
    }
}

/// Writes the next column of a group.
fn write<Out: Write + Send, Type: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Out>,
    values: &[Type::T],
    levels: Option<&[i16]>,
) -> Result<()> {
    let missing = || ParquetError::General("the table has fewer columns".to_owned());
    let mut column = group.next_column()?.ok_or_else(missing)?;
    column.typed::<Type>().write_batch(values, levels, None)?;
    column.close()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::Field;
    use proptest::prelude::*;

    use super::*;
    use crate::entry::tests::any_entry;

    fn read_back(file: Vec<u8>) -> Vec<Vec<(String, Field)>> {
        let reader = SerializedFileReader::new(Bytes::from(file)).unwrap();
        let rows = reader.get_row_iter(None).unwrap();
        rows.map(|row| row.unwrap().into_columns()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn every_entry_is_read_back_with_what_it_tells(
            entries in prop::collection::vec(any_entry(), 0..40),
        ) {
            let mut table = Table::new(Vec::new(), "covenant.example/log").unwrap();
            for (index, entry) in (5..).zip(&entries) {
                table.add(index, entry.to_canonical(), entry).unwrap();
            }
            let rows = read_back(table.finish().unwrap());
            prop_assert_eq!(rows.len(), entries.len());
            for ((index, entry), columns) in (5..).zip(&entries).zip(rows) {
                let expected = row(index, entry);
                let names: Vec<_> = columns.iter().map(|(name, _)| name.as_str()).collect();
                prop_assert_eq!(&names[..3], ["entry", "time", "persons"]);
                prop_assert_eq!(&names[3..18], TEXT_COLUMNS);
                prop_assert_eq!(&columns[0].1, &Field::ULong(index));
                let time = Field::TimestampMicros(entry.time.as_microsecond());
                prop_assert_eq!(&columns[1].1, &time);
                prop_assert_eq!(&columns[2].1, &Field::Long(expected.persons as i64));
                for (text, (_, found)) in expected.texts.iter().zip(&columns[3..]) {
                    let same = match found {
                        Field::Null => text.is_empty(),
                        Field::Str(found) => found == text,
                        _ => false,
                    };
                    prop_assert!(same, "{:?}", found);
                }
                let record = match &columns[18].1 {
                    Field::Str(text) => text.clone().into_bytes(),
                    Field::Bytes(bytes) => bytes.data().to_vec(),
                    other => panic!("{other:?}"),
                };
                prop_assert_eq!(record, entry.to_canonical());
            }
        }
    }

    #[test]
    fn what_waits_in_memory_is_written_when_it_is_enough() {
        let act = crate::entry::Event::Gateway(crate::entry::GatewayNote {
            what: "started".to_owned(),
            detail: Some("x".repeat(60_000)),
            policy: None,
        });
        let entry = Entry::new(jiff::Timestamp::UNIX_EPOCH, act).unwrap();
        let bytes = entry.to_canonical();
        let mut table = Table::new(Vec::new(), "log").unwrap();
        let count = BYTES_MAX / bytes.len() + 2;
        for index in 0..count {
            table.add(index as u64, bytes.clone(), &entry).unwrap();
        }
        assert!(table.rows.len() < 3);
        let file = table.finish().unwrap();
        assert!(file.len() < BYTES_MAX / 4, "compressed");
        let reader = SerializedFileReader::new(Bytes::from(file)).unwrap();
        let metadata = reader.metadata();
        assert_eq!(metadata.num_row_groups(), 2);
        assert_eq!(metadata.file_metadata().num_rows(), count as i64);
        let named = metadata.file_metadata().key_value_metadata().unwrap();
        assert_eq!(named[0].value.as_deref(), Some("log"));
    }
}
