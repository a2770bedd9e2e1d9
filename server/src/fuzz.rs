//! What the fuzzers call (`fuzz/`): each takes any bytes, and panics where something does not hold that always has to. What they
//! have found is kept in `fuzz/found`, and tried again with every test.

/// A name of a fuzzer, and what it calls.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 5] = [
    ("channel", crate::process::probe),
    ("clean", crate::logs::clean),
    ("config", crate::config::probe),
    ("lines", crate::logs::probe::lines),
    ("samples", crate::history::probe),
];

/// Calls the one with this name; an unknown name calls none.
pub fn probe(name: &str, bytes: &[u8]) {
    TARGETS.iter().filter(|(known, _)| *known == name).for_each(|(_, probe)| probe(bytes));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn what_was_found_does_no_harm_any_more() {
        let found = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/found");
        for (name, probe) in TARGETS {
            for input in std::fs::read_dir(found.join(name)).unwrap().flatten() {
                probe(&std::fs::read(input.path()).unwrap());
            }
        }
    }

    /// As a fuzzer does it, without knowing what it met: bytes of the examples, changed, cut and put together.
    #[test]
    fn changed_bytes_do_no_harm() {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/found");
        let mut random = 1_u64;
        let mut below = move |limit: usize| {
            // Marsaglia's xorshift.
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            usize::try_from(random % limit.max(1) as u64).unwrap()
        };
        for (name, probe) in TARGETS {
            let read = |entry: std::fs::DirEntry| std::fs::read(entry.path()).unwrap();
            let known: Vec<Vec<u8>> = std::fs::read_dir(examples.join(name)).unwrap().flatten().map(read).collect();
            assert!(!known.is_empty(), "{name} has no example");
            for _ in 0..200 {
                let (one, other) = (&known[below(known.len())], &known[below(known.len())]);
                let mut bytes = [&one[..below(one.len() + 1)], &other[below(other.len() + 1)..]].concat();
                for _ in 0..below(4) {
                    let at = below(bytes.len());
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte = u8::try_from(below(256)).unwrap();
                    }
                }
                probe(&bytes);
            }
        }
    }
}
