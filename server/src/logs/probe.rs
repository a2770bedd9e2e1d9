//! Bytes of any kind on their way through the logs: what comes out is what went in.

#![expect(clippy::expect_used, reason = "it is there to fail where something does not hold")]

use std::path::PathBuf;

use super::names::{Layout, Place};
use super::plan::{self, File, Head, LINE_LIMIT, Step};
use super::target::NameLock;
use super::walk::{self, Budget, LINE_SHOWN, RawLine, Walk};

/// Panics unless the parts of a log hold all bytes in order, end with whole lines, and give the same lines both ways. The first
/// bytes tell how large a part is and how much comes at once.
pub(crate) fn lines(bytes: &[u8]) {
    let Some((&[size, pace, whole], input)) = bytes.split_first_chunk() else { return };
    let parts = split(input, u64::from(size) + 1, usize::from(pace) + 1, whole % 2 == 0);
    assert_eq!(parts.concat(), input);
    let home = std::env::temp_dir().join(format!("qd-probe-{}-{:?}", std::process::id(), std::thread::current().id()));
    let layout = Layout::new(&home);
    let place = layout.place(layout.logs.join("a-out.log"));
    write(&layout.index, &place, &parts).expect("the temporary folder can be written");
    let wanted: Vec<(Vec<u8>, bool)> =
        parts.iter().flat_map(|part| part.split_inclusive(|byte| *byte == b'\n')).map(shown).collect();
    let open = || Walk::open(place.clone(), &NameLock::default()).expect("the parts are there");
    let forward = all(&mut open(), false);
    let mut back = all(&mut open(), true);
    back.reverse();
    let _ = std::fs::remove_dir_all(&home);
    assert_eq!(forward, back);
    assert_eq!(forward.into_iter().map(|line| (line.bytes, line.cut)).collect::<Vec<_>>(), wanted);
}

fn write(index: &PathBuf, place: &Place, parts: &[Vec<u8>]) -> std::io::Result<()> {
    std::fs::create_dir_all(index)?;
    for folder in [index.as_path()].into_iter().chain(place.file.parent()) {
        std::fs::create_dir_all(folder)?;
    }
    for (part, number) in parts.iter().zip(1..) {
        let is_last = number == parts.len() as u64;
        std::fs::write(if is_last { place.file.clone() } else { place.old(number) }, part)?;
    }
    Ok(())
}

/// A line as it is shown.
fn shown(line: &[u8]) -> (Vec<u8>, bool) {
    let text = line.strip_suffix(b"\n").unwrap_or(line);
    (text[..text.len().min(LINE_SHOWN)].to_vec(), text.len() > LINE_SHOWN)
}

/// The files that become of the bytes, if so many come at once.
fn split(input: &[u8], max: u64, pace: usize, whole_lines: bool) -> Vec<Vec<u8>> {
    let (mut files, mut at, mut here) = (vec![Vec::new()], 0, 0);
    while at < input.len() {
        if here == at {
            here = input.len().min(here + pace);
        }
        let current = files.last_mut().expect("there is always one");
        let at_line_start = current.last().is_none_or(|byte| *byte == b'\n');
        let file = File { len: current.len() as u64, max, due: false, at_line_start };
        let head = &input[at..here.min(at + LINE_LIMIT)];
        match plan::next(file, Head { bytes: head, all: here - at <= head.len(), whole_lines: whole_lines && here < input.len() })
        {
            Step::Rotate => {
                assert!(at_line_start || current.len() >= LINE_LIMIT, "a line is torn");
                files.push(Vec::new());
            }
            Step::Take(count) => {
                assert!(count > 0, "nothing is moved");
                current.extend(&head[..count]);
                at += count;
            }
            Step::Hold => here = input.len().min(here + pace),
        }
    }
    files
}

fn all(walk: &mut Walk, back: bool) -> Vec<RawLine> {
    let mut found = Vec::new();
    let bound = walk.at;
    if !back {
        walk.at = walk.beginning();
    }
    loop {
        // So little that it is spent on every window.
        let mut budget = Budget(1);
        let step = if back { walk.back(&mut budget) } else { walk.forward(bound, &mut budget) };
        match step.expect("the parts can be read") {
            walk::Step::Line(line) => found.push(line),
            walk::Step::Spent => {}
            walk::Step::End => return found,
        }
    }
}
