//! How often in a second the health document is served.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::Take;
use super::supervisor::Running;
use super::table::Row;
use crate::tools::root;

const CONNECTIONS: usize = 4;
const LASTING: Duration = Duration::from_secs(8);

/// Quarterdeck serves it itself; for PM2, a small server of Node asks PM2 for each request. supervisord has none.
pub(super) fn measure(running: &Running<'_>, take: Take<'_>) -> Result<()> {
    if let Some((url, token)) = running.quarterdeck()? {
        let address = url.trim_start_matches("http://");
        let rate = rate(address, "/api/health/system", &format!("Authorization: Bearer {token}\r\n"))?;
        take(Row::Health, rate);
        take(Row::HealthKept, rate);
    }
    if let Some((module, home)) = running.pm2() {
        let mut command = Command::new("node");
        command.arg(root().join("xtask/src/bench/health-server.js")).env("PM2_MODULE", module).env("PM2_HOME", home);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("failed to run Node.js")?;
        let measured = beside_pm2(&mut child, take);
        child.kill()?;
        child.wait()?;
        measured?;
    }
    Ok(())
}

fn beside_pm2(child: &mut Child, take: Take<'_>) -> Result<()> {
    let mut line = String::new();
    BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
    let address = format!("127.0.0.1:{}", line.trim());
    take(Row::Health, rate(&address, "/anew", "")?);
    take(Row::HealthKept, rate(&address, "/kept", "")?);
    Ok(())
}

/// Answers in a second over a few connections, each asking again when it is answered.
fn rate(address: &str, path: &str, headers: &str) -> Result<f64> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n");
    let begun = Instant::now();
    let ask = || -> Result<u32> {
        let mut connection = BufReader::with_capacity(1 << 16, TcpStream::connect(address)?);
        connection.get_ref().set_read_timeout(Some(Duration::from_secs(30)))?;
        connection.get_ref().set_nodelay(true)?;
        let mut answers = 0;
        while begun.elapsed() < LASTING {
            connection.get_mut().write_all(request.as_bytes())?;
            read_answer(&mut connection)?;
            answers += 1;
        }
        Ok(answers)
    };
    let answers = thread::scope(|scope| {
        let asking: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(ask)).collect();
        let mut answers = 0;
        for thread in asking {
            answers += thread.join().map_err(|_| anyhow::anyhow!("a connection broke"))??;
        }
        Ok::<_, anyhow::Error>(answers)
    })?;
    Ok(f64::from(answers) / begun.elapsed().as_secs_f64())
}

fn read_answer(connection: &mut BufReader<TcpStream>) -> Result<()> {
    let (mut line, mut length) = (String::new(), 0);
    connection.read_line(&mut line)?;
    if !line.starts_with("HTTP/1.1 200 ") {
        bail!("the health document was answered with {}", line.trim());
    }
    while line != "\r\n" {
        line.clear();
        if connection.read_line(&mut line)? == 0 {
            bail!("the connection was closed");
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse()?;
        }
    }
    let read = std::io::copy(&mut connection.take(length), &mut std::io::sink())?;
    if read == 0 { bail!("the health document was empty") } else { Ok(()) }
}
