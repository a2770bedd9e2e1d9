//! The program that is supervised while deaths and logs are measured. It is this very executable, started as
//! `xtask bench-app …`, so that what is measured is the supervisor and not the start of an interpreter.

use std::io::{BufWriter, Write};
use std::net::UdpSocket;
use std::thread::park;

use anyhow::{Result, bail};

/// Length of each line that `flood` writes, with its end.
pub(super) const LINE: usize = 100;

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

fn flood(lines: u64) -> Result<()> {
    let mut out = BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
    for number in 0..lines {
        writeln!(out, "{number:<width$}", width = LINE - 1)?;
    }
    Ok(out.flush()?)
}
