//! Older parts, compressed so that any place in them can be read without all that stands before it: a gzip file of many
//! members (RFC 1952 §2.2) of 256 KiB each, whose extra field `QD` tells their length. `zcat` reads it as any other.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;

use flate2::read::DeflateDecoder;
use flate2::{Compression, GzBuilder};

const BLOCK: usize = 256 << 10;
/// Fixed head (10), length of the extra field (2), `QD`, its length (2), length of the member (4).
const HEAD: usize = 20;
const TAIL: usize = 8;

/// Compresses a file.
pub(super) fn write(source: &mut File, archive: &mut File) -> io::Result<()> {
    let mut block = Vec::with_capacity(BLOCK);
    loop {
        block.clear();
        source.take(BLOCK as u64).read_to_end(&mut block)?;
        if block.is_empty() {
            return Ok(());
        }
        let mut member = GzBuilder::new().extra(*b"QD\x04\0\0\0\0\0").write(Vec::new(), Compression::fast());
        member.write_all(&block)?;
        let mut member = member.finish()?;
        let length = u32::try_from(member.len()).map_err(io::Error::other)?;
        member.get_mut(HEAD - 4..HEAD).ok_or(io::ErrorKind::InvalidData)?.copy_from_slice(&length.to_le_bytes());
        archive.write_all(&member)?;
    }
}

struct Member {
    /// Offset of its first byte in the plain file.
    plain: u64,
    /// Offset in the archive.
    packed: u64,
    length: usize,
}

/// An archive that is read.
pub(super) struct Archive {
    file: File,
    members: Vec<Member>,
    len: u64,
    unpacked: Option<(usize, Vec<u8>)>,
}

impl Archive {
    /// Finds the members.
    pub(super) fn open(file: File) -> io::Result<Self> {
        let end = file.metadata()?.len();
        let (mut members, mut plain, mut packed) = (Vec::new(), 0, 0);
        while packed < end {
            let (mut head, mut tail) = ([0; HEAD], [0; 4]);
            file.read_exact_at(&mut head, packed)?;
            let length = u64::from(u32::from_le_bytes([head[16], head[17], head[18], head[19]]));
            if head[..4] != [0x1f, 0x8b, 8, 4] || head[12..16] != *b"QD\x04\0" || length < (HEAD + TAIL) as u64 {
                return Err(io::ErrorKind::InvalidData.into());
            }
            file.read_exact_at(&mut tail, packed + length - 4)?;
            let size = u32::from_le_bytes(tail) as usize;
            if size > BLOCK || length > 2 * BLOCK as u64 {
                return Err(io::ErrorKind::InvalidData.into());
            }
            members.push(Member { plain, packed, length: length as usize });
            plain += size as u64;
            packed += length;
        }
        Ok(Self { file, members, len: plain, unpacked: None })
    }

    /// Length of the plain file.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Reads some bytes of the plain file; 0 at its end.
    pub(super) fn read_at(&mut self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let number = self.members.partition_point(|member| member.plain <= offset).saturating_sub(1);
        let Some(member) = self.members.get(number).filter(|_| offset < self.len) else { return Ok(0) };
        let block = match self.unpacked.take() {
            Some((unpacked, block)) if unpacked == number => block,
            _ => {
                let mut packed = vec![0; member.length];
                self.file.read_exact_at(&mut packed, member.packed)?;
                let mut block = Vec::new();
                DeflateDecoder::new(packed.get(HEAD..).unwrap_or_default()).take(BLOCK as u64).read_to_end(&mut block)?;
                block
            }
        };
        let from = usize::try_from(offset - member.plain).unwrap_or(usize::MAX);
        let part = block.get(from..).unwrap_or_default();
        let count = part.len().min(into.len());
        into[..count].copy_from_slice(&part[..count]);
        self.unpacked = Some((number, block));
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::MultiGzDecoder;
    use std::io::Seek;

    fn packed(plain: &[u8]) -> File {
        let (mut source, mut archive) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        source.write_all(plain).unwrap();
        source.rewind().unwrap();
        write(&mut source, &mut archive).unwrap();
        archive.rewind().unwrap();
        archive
    }

    #[test]
    fn any_place_can_be_read_and_other_programs_read_all() {
        let plain: Vec<u8> = (0..700_000_u32).flat_map(|n| format!("{n},").into_bytes()).collect();
        let mut all = Vec::new();
        MultiGzDecoder::new(packed(&plain)).read_to_end(&mut all).unwrap();
        assert!(all == plain);
        let mut archive = Archive::open(packed(&plain)).unwrap();
        assert_eq!(archive.len(), plain.len() as u64);
        for offset in [0, 1, BLOCK - 1, BLOCK, 3 * BLOCK - 5, plain.len() - 1, 17] {
            let mut part = [0; 100];
            let count = archive.read_at(&mut part, offset as u64).unwrap();
            assert!(count > 0 && part[..count] == plain[offset..offset + count], "{offset}");
        }
        assert_eq!(archive.read_at(&mut [0; 9], plain.len() as u64).unwrap(), 0);
        assert_eq!(Archive::open(packed(b"")).unwrap().len(), 0);
    }

    #[test]
    fn foreign_or_torn_archives_are_refused() {
        let mut foreign = tempfile::tempfile().unwrap();
        foreign.write_all(b"\x1f\x8b\x08\0 something else entirely, long enough").unwrap();
        assert!(Archive::open(foreign).is_err());
        let torn = packed(&[b'x'; 3 * BLOCK]);
        torn.set_len(torn.metadata().unwrap().len() - 3).unwrap();
        assert!(Archive::open(torn).is_err());
    }
}
