//! A server that Gerrit's is like from outside.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{child, until};

/// An ssh server on loopback with keys of its own, which runs one program whatever it is asked for.
pub(in crate::deploy) struct Sshd {
    _process: child::Running,
    port: u16,
    directory: PathBuf,
}

impl Sshd {
    pub(in crate::deploy) fn start(directory: &Path, program: &str) -> Self {
        // The server leaves root's rights in there, which Debian's init script makes.
        fs::create_dir_all("/run/sshd").unwrap();
        let directory = directory.join("ssh");
        fs::create_dir(&directory).unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).unwrap();
        let at = |name: &str| directory.join(name).to_str().unwrap().to_owned();
        for key in ["host", "client"] {
            let status = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &at(key)]).status();
            assert!(status.unwrap().success());
        }
        fs::copy(at("client.pub"), at("authorized_keys")).unwrap();
        fs::write(at("program"), program).unwrap();
        fs::set_permissions(at("program"), fs::Permissions::from_mode(0o755)).unwrap();
        // Free a moment ago.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let configuration = format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {}\nAuthorizedKeysFile {}\nForceCommand {}\nPidFile none\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM no\nStrictModes no\n\
             PermitRootLogin forced-commands-only\n",
            at("host"),
            at("authorized_keys"),
            at("program"),
        );
        fs::write(at("config"), configuration.replace("forced-commands-only", "prohibit-password")).unwrap();
        let host = fs::read_to_string(at("host.pub")).unwrap();
        fs::write(at("known_hosts"), format!("[127.0.0.1]:{port} {host}")).unwrap();
        let mut command = Command::new("/usr/sbin/sshd");
        command.args(["-D", "-e", "-f", &at("config")]).stdin(Stdio::null());
        command.stderr(fs::File::create(directory.join("log")).unwrap());
        let process = child::Running(command.spawn().unwrap());
        let sshd = Self { _process: process, port, directory };
        until("the ssh server listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        sshd
    }

    /// What the options of a farm name for Gerrit.
    pub(in crate::deploy) fn command(&self) -> Vec<String> {
        let at = |name: &str| self.directory.join(name).to_str().unwrap().to_owned();
        let user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
        let known_hosts = format!("UserKnownHostsFile={}", at("known_hosts"));
        let words = ["ssh", "-F", "none", "-p", &self.port.to_string(), "-i", &at("client"), "-o", "BatchMode=yes"];
        let mut command = words.map(str::to_owned).to_vec();
        command.extend(["-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=yes", "-o"].map(str::to_owned));
        command.push(known_hosts);
        command.extend(["-o", "ServerAliveInterval=30"].map(str::to_owned));
        command.push(format!("{}@127.0.0.1", user.trim()));
        command.extend(["gerrit", "stream-events", "-s", "ref-updated"].map(str::to_owned));
        command
    }
}
