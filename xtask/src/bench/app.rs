//! The program that is supervised. It is this very executable, started as `xtask bench-app …`, so that what is measured is the
//! supervisor and not the start of an interpreter.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::net::UdpSocket;
use std::process::{exit, id};
use std::thread::{park, sleep};
use std::time::Duration;

use anyhow::{Result, bail};

/// Length of each line that `flood` writes, with its end.
pub(super) const LINE: usize = 100;
/// Length of the number in it.
const DIGITS: usize = 10;
/// Between two lines of `tick`.
const BEAT: Duration = Duration::from_millis(5);

/// Between two lines of `hum`.
const HUM: Duration = Duration::from_millis(100);

/// Says that it lives, does what it is told, and stays.
pub(crate) fn run(words: &[&str]) -> Result<()> {
    let [mode, name, port, rest @ ..] = words else { bail!("bench-app is started by `cargo xtask bench` alone") };
    say_hello(name, port)?;
    match (*mode, rest) {
        ("beat", []) => {}
        ("crash", []) => exit(1),
        ("flood", [lines]) => flood(lines.parse()?)?,
        ("hum", []) => hum(name)?,
        ("tick", [folder]) => tick(name, folder)?,
        _ => bail!("bench-app is started by `cargo xtask bench` alone"),
    }
    loop {
        park();
    }
}

fn say_hello(name: &str, port: &str) -> Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.send_to(format!("{name} {}", id()).as_bytes(), ("127.0.0.1", port.parse()?))?;
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

/// Writes ten numbered lines a second, for as long as it lives.
fn hum(name: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    for number in 0_u64.. {
        out.write_all(format!("{name} {} {number}\n", id()).as_bytes())?;
        sleep(HUM);
    }
    Ok(())
}

/// Writes a line now and then, and what it wrote into a file of its own too, where no supervisor can lose it. It ends when it cannot
/// write, as programs do that nobody prepared for it.
fn tick(name: &str, folder: &str) -> Result<()> {
    let mut kept = File::create(format!("{folder}/{name}.{}.written", id()))?;
    let mut out = std::io::stdout().lock();
    for number in 0_u64.. {
        let line = format!("{name} {} {number}\n", id());
        out.write_all(line.as_bytes())?;
        kept.write_all(line.as_bytes())?;
        sleep(BEAT);
    }
    Ok(())
}
