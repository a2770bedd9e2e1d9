//! The health document, asked for as programs do: over HTTP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::running::Running;
use super::sweep::marked;
use crate::tools::root;

/// Quarterdeck serves it itself; for PM2, a small server of Node asks PM2 for each request. The others have none.
pub(super) struct Document {
    address: String,
    path: &'static str,
    headers: String,
    /// Ended when this is dropped.
    server: Option<Child>,
}

impl Document {
    pub(super) fn of(running: &Running<'_>) -> Result<Option<Self>> {
        if let Some((address, token)) = running.quarterdeck()? {
            let headers = format!("Authorization: Bearer {token}\r\n");
            return Ok(Some(Self { address, path: "/api/health/system", headers, server: None }));
        }
        let Some((module, home)) = running.pm2() else { return Ok(None) };
        let mut command = marked(Command::new("node"));
        command.arg(root().join("xtask/src/bench/health-server.js")).env("PM2_MODULE", module).env("PM2_HOME", home);
        let server = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("failed to run Node.js")?;
        let mut document = Self { address: String::new(), path: "/kept", headers: String::new(), server: Some(server) };
        let output = document.server.as_mut().and_then(|server| server.stdout.take()).context("no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        document.address = format!("127.0.0.1:{}", line.trim());
        Ok(Some(document))
    }

    /// Has the server of Node connect to PM2 for each request; for Quarterdeck there is nothing to connect to.
    pub(super) fn connecting_each_time(&mut self) {
        if self.server.is_some() {
            self.path = "/anew";
        }
    }

    pub(super) fn connect(&self) -> Result<Connection> {
        let stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.set_nodelay(true)?;
        let request = format!("GET {} HTTP/1.1\r\nHost: {}\r\n{}\r\n", self.path, self.address, self.headers);
        Ok(Connection { stream: BufReader::with_capacity(1 << 16, stream), request })
    }
}

impl Drop for Document {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

/// Asks again and again.
pub(super) struct Connection {
    stream: BufReader<TcpStream>,
    request: String,
}

impl Connection {
    pub(super) fn ask(&mut self) -> Result<()> {
        self.stream.get_mut().write_all(self.request.as_bytes())?;
        let (mut line, mut length) = (String::new(), 0);
        self.stream.read_line(&mut line)?;
        if !line.starts_with("HTTP/1.1 200 ") {
            bail!("the health document was answered with {}", line.trim());
        }
        while line != "\r\n" {
            line.clear();
            if self.stream.read_line(&mut line)? == 0 {
                bail!("the connection was closed");
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse()?;
            }
        }
        let read = std::io::copy(&mut self.stream.by_ref().take(length), &mut std::io::sink())?;
        if read == 0 { bail!("the health document was empty") } else { Ok(()) }
    }
}
