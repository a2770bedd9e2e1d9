//! Health documents, compressed.

use std::io::{Read, Write};

use app::model::Time;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use rusqlite::{Connection, params};
use serde_json::value::RawValue;

use super::{Error, int};
use crate::control::Span;

/// A document that unpacks to more than this is not one of ours.
const MAX_BYTES: u64 = 64 << 20;

/// Keeps a document. There is one for each ms.
pub(super) fn write(connection: &Connection, time: Time, json: &[u8]) -> rusqlite::Result<()> {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
    let packed = packed.write_all(json).and_then(|()| packed.finish());
    let packed = packed.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let mut statement = connection.prepare_cached("INSERT OR REPLACE INTO documents (time, body) VALUES (?1, ?2)")?;
    statement.execute(params![time.ms(), packed]).map(drop)
}

/// Documents of a span as JSON, newest first.
pub(super) fn read(connection: &Connection, span: &Span) -> Result<Vec<Box<RawValue>>, Error> {
    let mut statement = connection
        .prepare_cached("SELECT time, body FROM documents WHERE time >= ?1 AND time <= ?2 ORDER BY time DESC LIMIT ?3")?;
    let mut rows = statement.query([span.from.ms(), span.to.ms(), int(span.limit as u64)])?;
    let mut documents = Vec::new();
    while let Some(row) = rows.next()? {
        let (time, body) = (Time(row.get(0)?), row.get_ref(1)?);
        let mut json = String::new();
        let content = |source| Error::Content { what: format!("the health document of {time}"), source };
        let packed = body.as_blob().map_err(rusqlite::Error::from)?;
        ZlibDecoder::new(packed)
            .take(MAX_BYTES)
            .read_to_string(&mut json)
            .map_err(|error| content(serde_json::Error::io(error)))?;
        documents.push(RawValue::from_string(json).map_err(content)?);
    }
    Ok(documents)
}
