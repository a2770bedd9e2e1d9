//! Every sample, as a row of bytes for each series and minute: differences are small numbers, and small numbers take one
//! byte. A test holds it below 6 bytes for each value at a tick of 2 s, what SQLite adds included.

use rusqlite::{Connection, OptionalExtension, params};

use super::sample::{MINUTE_MS, Sample};

/// Writes samples of one minute.
pub(super) fn encode(minute: i64, samples: &[Sample]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(samples.len() * 6 + 8);
    put(&mut bytes, samples.len() as u64);
    let (mut last, mut step) = (minute * MINUTE_MS, 0);
    for sample in samples {
        // A tick comes at even steps, so the change of the step is next to nothing.
        let now = sample.time - last;
        put(&mut bytes, zigzag(now - step));
        (last, step) = (sample.time, now);
    }
    for column in [|s: &Sample| s.first, |s: &Sample| s.second] {
        let mut last = 0;
        for sample in samples {
            let value = i64::from(column(sample));
            put(&mut bytes, zigzag(value - last));
            last = value;
        }
    }
    bytes
}

/// Reads what [`encode`] wrote; none if these bytes are something else.
pub(super) fn decode(minute: i64, mut bytes: &[u8]) -> Option<Vec<Sample>> {
    let bytes = &mut bytes;
    let count = usize::try_from(take(bytes)?).ok()?;
    // Each sample takes three bytes at least: a count that promises more is not believed.
    if count > bytes.len() / 3 {
        return None;
    }
    let mut samples = Vec::with_capacity(count);
    let (mut last, mut step) = (minute * MINUTE_MS, 0_i64);
    for _ in 0..count {
        step = step.checked_add(unzigzag(take(bytes)?))?;
        last = last.checked_add(step)?;
        samples.push(Sample { time: last, first: 0, second: 0 });
    }
    for column in [|s: &mut Sample, value| s.first = value, |s: &mut Sample, value| s.second = value] {
        let mut last = 0_i64;
        for sample in &mut samples {
            last = last.checked_add(unzigzag(take(bytes)?))?;
            column(sample, u32::try_from(last).ok()?);
        }
    }
    bytes.is_empty().then_some(samples)
}

/// LEB128: seven bits in each byte, the lowest first.
fn put(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Small numbers of either sign become small numbers.
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Keeps the samples of a minute, in the place of those that were kept of it before.
pub(super) fn write(connection: &Connection, series: i64, minute: i64, samples: &[Sample]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached("INSERT OR REPLACE INTO raw (minute, series, samples) VALUES (?1, ?2, ?3)")?;
    statement.execute(params![minute, series, encode(minute, samples)]).map(drop)
}

/// The samples of a series in these minutes. A row that cannot be read counts as none.
pub(super) fn read(connection: &Connection, series: i64, minutes: std::ops::Range<i64>) -> rusqlite::Result<Vec<Sample>> {
    // The rows lie in the order of time, which is cheap to write; so each minute of a series is looked up by itself.
    let mut statement = connection.prepare_cached("SELECT samples FROM raw WHERE minute = ?1 AND series = ?2")?;
    let first: Option<i64> = connection
        .prepare_cached("SELECT minute FROM raw WHERE minute >= ?1 ORDER BY minute LIMIT 1")?
        .query_row([minutes.start], |row| row.get(0))
        .optional()?;
    let mut samples = Vec::new();
    for minute in first.unwrap_or(minutes.end)..minutes.end {
        let bytes: Option<Vec<u8>> = statement.query_row([minute, series], |row| row.get(0)).optional()?;
        samples.extend(bytes.and_then(|bytes| decode(minute, &bytes)).unwrap_or_default());
    }
    Ok(samples)
}

/// Panics if bytes are read as samples that cannot be written and read again.
#[cfg(any(test, feature = "fuzz"))]
pub(crate) fn probe(bytes: &[u8]) {
    const MINUTE: i64 = 29_000_000;
    if let Some(samples) = decode(MINUTE, bytes) {
        assert_eq!(decode(MINUTE, &encode(MINUTE, &samples)), Some(samples));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_written_is_read(minute in 0..40_000_000_i64, values in prop::collection::vec((0..60_000_i64, any::<u32>(), any::<u32>()), 0..80)) {
            let samples: Vec<_> = values.iter()
                .map(|&(ms, first, second)| Sample { time: minute * MINUTE_MS + ms, first, second })
                .collect();
            prop_assert_eq!(decode(minute, &encode(minute, &samples)), Some(samples));
        }

        #[test]
        fn any_bytes_are_read_or_refused(minute in any::<i32>(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(minute.into(), &bytes);
            probe(&bytes);
        }
    }

    #[test]
    fn a_quiet_app_takes_three_bytes_a_tick() {
        let samples: Vec<_> = (0..30).map(|n| Sample { time: n * 2000 + n % 3, first: 0, second: 80_000 }).collect();
        let bytes = encode(0, &samples).len();
        assert!(bytes <= 3 * 30 + 6, "{bytes} bytes");
    }
}
