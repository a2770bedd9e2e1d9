//! The program that is supervised while deaths and logs are measured. It is this very executable, started as
//! `xtask bench-app …`, so that what is measured is the supervisor and not the start of an interpreter.

use std::io::{BufWriter, Write};
use std::net::UdpSocket;
use std::thread::park;

use anyhow::{Result, bail};

/// Length of each line that `flood` writes, with its end.
pub(super) const LINE: usize = 100;
/// Length of the number in it.
const DIGITS: usize = 10;

/// Says that it lives, does what it is told, and stays.
pub(crate) fn run(words: &[&str]) -> Result<()> {
    match words {
        ["beat", name, port] => say_hello(name, port)?,
        ["flood", name, port, lines] => {
            say_hello(name, port)?;
            flood(lines.parse()?)?;
        }
        _ => bail!("bench-app is started by `cargo xtask bench` alone"),
    }
    loop {
        park();
    }
}

fn say_hello(name: &str, port: &str) -> Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.send_to(format!("{name} {}", std::process::id()).as_bytes(), ("127.0.0.1", port.parse()?))?;
    Ok(())
}

/// Writes numbered lines in chunks of 64 KiB, without formatting anything: the one who reads them is to be measured.
fn flood(lines: u64) -> Result<()> {
    let mut out = BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
    let mut line = [b'0'; LINE];
    line[DIGITS..].fill(b' ');
    line[LINE - 1] = b'\n';
    for _ in 0..lines {
        out.write_all(&line)?;
        for digit in line[..DIGITS].iter_mut().rev() {
            if *digit < b'9' {
                *digit += 1;
                break;
            }
            *digit = b'0';
        }
    }
    Ok(out.flush()?)
}
