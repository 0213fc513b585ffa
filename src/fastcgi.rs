//! Asks a FastCGI server, such as a PHP-FPM pool, for one request: the one place that opens sockets.
//!
//! The protocol is the crate `fastcgi-client`'s; connecting, the deadline, the bounds and CGI's header are ours.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, Instant};

use fastcgi_client::{Client, ClientError, Params, Request};
use futures_util::io::AllowStdIo;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt};

/// How much a server may answer, in bytes: what is asked for here is far smaller.
const LARGEST: usize = 64 << 20;

/// Where a FastCGI server listens: `unix:/run/php/php-fpm.sock`, `tcp:127.0.0.1:9000`, `tcp:[::1]:9000`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A socket in the file system.
    Unix(PathBuf),
    /// A host, IPv6 addresses in brackets, and a port.
    Tcp {
        /// Name or address.
        host: String,
        /// The port, not 0.
        port: u16,
    },
}

impl FromStr for Address {
    type Err = String;

    /// Reads an address; what it may look like is the error.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(path) = text.strip_prefix("unix:") {
            if path.is_empty() {
                return Err("expected a path after `unix:`".to_owned());
            }
            // The system's bound of about 107 bytes, and no NUL.
            SocketAddrUnix::new(path).map_err(|_| "the path is too long for a socket".to_owned())?;
            return Ok(Self::Unix(PathBuf::from(path)));
        }
        let expected = || "expected `unix:PATH` or `tcp:HOST:PORT`, an IPv6 address in brackets".to_owned();
        let (host, port) = text.strip_prefix("tcp:").and_then(|rest| rest.rsplit_once(':')).ok_or_else(expected)?;
        let inside = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let host_is_one = match inside {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte)),
        };
        let port = port.parse().ok().filter(|port| *port != 0 && host_is_one).ok_or_else(expected)?;
        Ok(Self::Tcp { host: host.to_owned(), port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp { host, port } => write!(f, "tcp:{host}:{port}"),
        }
    }
}

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status; 200 unless the header says otherwise.
    pub status: u16,
    /// The header's fields in their order, `Status` left out.
    pub headers: Vec<(String, String)>,
    /// What follows the header.
    pub body: Vec<u8>,
    /// What the server told apart from the answer: PHP's messages, when PHP has no log of its own.
    pub stderr: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody listens, or not to us.
    #[error("cannot connect to `{address}`")]
    Connect {
        /// The server.
        address: Address,
        /// Why.
        source: io::Error,
    },
    /// The time is over.
    #[error("`{address}` did not answer within {} s", timeout.as_secs_f64())]
    Timeout {
        /// The server.
        address: Address,
        /// How long it had.
        timeout: Duration,
    },
    /// The connection broke, or what came is not FastCGI.
    #[error("`{address}` broke off its answer")]
    Broken {
        /// The server.
        address: Address,
        /// Why.
        source: ClientError,
    },
    /// What came is no CGI header.
    #[error("`{address}` answered without a CGI header")]
    Header {
        /// The server.
        address: Address,
    },
}

/// Sends one request without a body and reads the answer; `timeout` is for all of it.
///
/// PHP needs at least `SCRIPT_FILENAME` and `REQUEST_METHOD` among the parameters.
///
/// # Errors
/// See [`Error`]. A status other than 200 is an answer, no error.
pub fn request(address: &Address, parameters: &[(&str, &str)], timeout: Duration) -> Result<Response, Error> {
    let deadline = Instant::now() + timeout;
    let too_late = || Error::Timeout { address: address.clone(), timeout };
    let stream = match address.connect(deadline) {
        Ok(stream) => stream,
        Err(error) if error.kind() == io::ErrorKind::TimedOut => return Err(too_late()),
        Err(source) => return Err(Error::Connect { address: address.clone(), source }),
    };
    let mut params = Params::default().server_software("mwfarm");
    for &(name, value) in parameters {
        params = params.custom(name, value);
    }
    let stream = AllowStdIo::new(Bounded { stream, deadline, left: LARGEST, record: Record::default() });
    let request = Request::new(params, futures_util::io::empty());
    match futures_executor::block_on(Client::new(stream).execute_once(request)) {
        Ok(answer) => {
            let (stdout, stderr) = (answer.stdout.unwrap_or_default(), answer.stderr.unwrap_or_default());
            parse(&stdout, stderr).ok_or_else(|| Error::Header { address: address.clone() })
        }
        Err(ClientError::Io(error)) if error.kind() == io::ErrorKind::TimedOut => Err(too_late()),
        Err(source) => Err(Error::Broken { address: address.clone(), source }),
    }
}

/// Takes CGI's header (RFC 3875, section 6) off an answer.
fn parse(stdout: &[u8], stderr: Vec<u8>) -> Option<Response> {
    let mut response = Response { status: 200, headers: Vec::new(), body: Vec::new(), stderr };
    let mut at = 0;
    loop {
        let end = at + stdout[at..].iter().position(|&byte| byte == b'\n')?;
        let line = std::str::from_utf8(&stdout[at..end]).ok()?.trim_end_matches('\r');
        at = end + 1;
        if line.is_empty() {
            response.body = stdout[at..].to_vec();
            return Some(response);
        }
        let (name, value) = line.split_once(':')?;
        let value = value.trim();
        if name.eq_ignore_ascii_case("Status") {
            response.status = value.split(' ').next()?.parse().ok()?;
        } else {
            response.headers.push((name.to_owned(), value.to_owned()));
        }
    }
}

/// A connected stream of either kind.
enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Address {
    /// Connects before the deadline; its passing is [`io::ErrorKind::TimedOut`].
    fn connect(&self, deadline: Instant) -> io::Result<Stream> {
        match self {
            Self::Unix(path) => {
                // std's own `connect` waits without end for a server whose queue is full.
                let flags = SocketFlags::CLOEXEC;
                let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
                sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, Some(left(deadline)?))?;
                rustix::net::connect(&socket, &SocketAddrUnix::new(path)?).map_err(|error| late(error.into()))?;
                Ok(Stream::Unix(UnixStream::from(socket)))
            }
            Self::Tcp { host, port } => {
                let mut failed = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
                for address in format!("{host}:{port}").to_socket_addrs()? {
                    match TcpStream::connect_timeout(&address, left(deadline)?) {
                        Ok(stream) => return Ok(Stream::Tcp(stream)),
                        Err(error) => failed = error,
                    }
                }
                Err(failed)
            }
        }
    }
}

/// The time left until a deadline; once it has passed, the error that says so.
fn left(deadline: Instant) -> io::Result<Duration> {
    match deadline.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
        left => Ok(left),
    }
}

/// Sockets say that they would block when their timeout is over.
fn late(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock { io::ErrorKind::TimedOut.into() } else { error }
}

/// A stream with a deadline and a bound, on which nothing but FastCGI comes in.
struct Bounded {
    stream: Stream,
    deadline: Instant,
    left: usize,
    record: Record,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let timeout = Some(left(self.deadline)?);
        let count = match &mut self.stream {
            Stream::Unix(stream) => stream.set_read_timeout(timeout).and_then(|()| stream.read(buffer)),
            Stream::Tcp(stream) => stream.set_read_timeout(timeout).and_then(|()| stream.read(buffer)),
        }
        .map_err(late)?;
        self.left = self.left.checked_sub(count).ok_or_else(|| io::Error::other("the answer is too long"))?;
        self.record.follow(&buffer[..count])?;
        Ok(count)
    }
}

impl Write for Bounded {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let timeout = Some(left(self.deadline)?);
        match &mut self.stream {
            Stream::Unix(stream) => stream.set_write_timeout(timeout).and_then(|()| stream.write(buffer)),
            Stream::Tcp(stream) => stream.set_write_timeout(timeout).and_then(|()| stream.write(buffer)),
        }
        .map_err(late)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where in the records of FastCGI a stream is. The crate does not look at the version, and takes the body of the
/// record that ends a request for long enough: another protocol's server would make it panic.
#[derive(Default)]
struct Record {
    header: [u8; 8],
    filled: usize,
    content: usize,
}

impl Record {
    fn follow(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.content > 0 {
                let skipped = self.content.min(bytes.len());
                self.content -= skipped;
                bytes = &bytes[skipped..];
                continue;
            }
            self.header[self.filled] = bytes[0];
            self.filled += 1;
            bytes = &bytes[1..];
            if self.filled == self.header.len() {
                let [version, kind, _, _, high, low, padding, _] = self.header;
                let length = usize::from(u16::from_be_bytes([high, low]));
                if version != 1 || (kind == END_REQUEST && length != 8) {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "what answers there is not FastCGI"));
                }
                (self.content, self.filled) = (length + usize::from(padding), 0);
            }
        }
        Ok(())
    }
}

/// The type of the record that ends a request.
const END_REQUEST: u8 = 3;

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::*;

    #[test]
    fn addresses_round_trip() {
        for text in ["unix:/run/php/php8.2-fpm.sock", "tcp:127.0.0.1:9000", "tcp:[::1]:9000", "tcp:php-1.example:65535"]
        {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("unix:/{}", "x".repeat(200));
        for text in [
            "",
            "unix:",
            "/run/php.sock",
            "tcp:",
            "tcp:9000",
            "tcp::9000",
            "tcp:host",
            "tcp:host:0",
            "tcp:host:70000",
            "tcp:::1:9000",
            "tcp:[::1:9000",
            "tcp:[x]:9000",
            "tcp:a b:9000",
            "http://host:80",
            &long,
            "unix:/a\0b",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_header_is_taken_off() {
        let answer = parse(b"Status: 404 Not Found\r\nX-A: b: c\r\n\r\nbody\r\n\r\n", Vec::new()).unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (404, b"body\r\n\r\n".as_slice()));
        assert_eq!(answer.headers, [("X-A".to_owned(), "b: c".to_owned())]);
        assert_eq!(parse(b"\n", Vec::new()).unwrap().status, 200);
        for text in ["", "no header", "no colon\r\n\r\n", "Status: many\r\n\r\n", "A: b\r\n"] {
            assert_eq!(parse(text.as_bytes(), Vec::new()), None, "{text:?}");
        }
    }

    /// What comes of a server that sends these bytes and keeps the connection open, or closes it.
    fn against(bytes: &'static [u8], open: bool, time: Duration) -> Error {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(bytes).unwrap();
            // Until the client has gone: its request is read to the end.
            if open {
                let _ = stream.read_to_end(&mut Vec::new());
            } else {
                let _ = stream.read(&mut [0; 4096]);
            }
        });
        let error = request(&Address::Unix(path), &[], time).unwrap_err();
        server.join().unwrap();
        error
    }

    #[test]
    fn a_server_that_is_not_fastcgi_is_an_error() {
        let short_end = b"\x01\x03\x00\x01\x00\x02\x00\x00ab";
        for bytes in [b"HTTP/1.1 400 Bad Request\r\n\r\n".as_slice(), b"-ERR unknown command\r\n", short_end] {
            let error = against(bytes, true, Duration::from_secs(60));
            assert!(matches!(error, Error::Broken { .. }), "{error:?}");
        }
        let error = against(b"\x01\x06\x00\x01\x00\x02", false, Duration::from_secs(60));
        assert!(matches!(error, Error::Broken { .. }), "{error:?}");
    }

    #[test]
    fn a_server_that_is_silent_is_an_error_in_time() {
        let before = Instant::now();
        let error = against(b"", true, Duration::from_millis(300));
        assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
        assert!(before.elapsed() < Duration::from_secs(60));
    }

    #[test]
    fn a_server_that_accepts_nobody_is_an_error_in_time() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        // Fills the queue: nobody takes connections out of it.
        let address = Address::Unix(path);
        let waiting = address.connect(Instant::now() + Duration::from_secs(1));
        let error = request(&address, &[], Duration::from_millis(200)).unwrap_err();
        assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
        drop(waiting);
    }

    #[test]
    fn a_server_that_is_not_there_is_an_error() {
        let error = request(&"unix:/nonexistent/s".parse().unwrap(), &[], Duration::from_secs(1)).unwrap_err();
        assert!(matches!(error, Error::Connect { .. }), "{error:?}");
    }
}
